insert into public.todos (task, done) values ('a', default), ('b', true) returning id, task

insert into public.counts as c (id, n) values (1, 1) on conflict (id) where n > 0 do update set n = c.n + excluded.n where c.n < 10

insert into public.a select * from public.b on conflict on constraint a_pkey do nothing

with moved as (delete from public.a where id < 10 returning *) insert into public.archive select * from moved

update public.t set data = jsonb_set(data, '{a}', '1'), (a, b) = (select 1, 2), c[1] = 2 from public.u where u.id = t.id returning t.*

delete from public.t using public.u where t.id = u.id and u.kind in ('a', 'b')

merge into public.stock s using (values (1, 2)) as v (id, n) on s.id = v.id when matched and v.n = 0 then do nothing when matched then update set n = v.n when not matched then insert (id, n) values (v.id, v.n)

insert into public.t default values; update public.t set a = 1 where id = 1; delete from public.t where id = 2

insert into storage.buckets (id, name) values ('a', 'a')

insert into auth.users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data) values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', 'a@example.com', extensions.crypt('x', extensions.gen_salt('bf')), '{"provider":"email"}')

truncate public.a, public.b restart identity cascade