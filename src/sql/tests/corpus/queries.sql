select id, data ->> 'name', data #>> '{a,b}', data -> 'list' -> 0, tags[1], tags[2:3] from public.items where data @> '{"a": 1}' and tags && array['x'] and data ? 'k'

select p.id, l.* from public.profiles p left join lateral (select m.* from public.messages m where m.user_id = p.id order by m.id desc limit 3) l on true

with recursive tree as (select id, parent_id, 1 as depth from public.nodes where parent_id is null union all select n.id, n.parent_id, t.depth + 1 from public.nodes n join tree t on n.parent_id = t.id) search depth first by id set ord select * from tree order by ord

select d, count(*) filter (where ok), rank() over w, lag(x, 1) over (partition by y order by z rows between unbounded preceding and current row) from public.t group by d having count(*) > 1 window w as (partition by d order by x desc)

select case when a then 'x' when b is null then 'y' else 'z' end, coalesce(nullif(c, ''), '-'), extract(epoch from now() - created_at), date '2024-01-01' + interval '1 day', now() at time zone 'utc' from t

select * from generate_series(1, 10) with ordinality as g(n, i) where n between 1 and 5 or n not in (select 1) and n = any ($1)

select jsonb_agg(jsonb_build_object('id', id, 'name', name) order by id), string_agg(distinct name, ', ') from t group by rollup (a, b) order by 1 nulls first offset 1 fetch first 5 rows only

select (array_agg(x order by y))[1], (t.composite).field, row(1, 2) = (1, 2), exists (select 1 from u where u.id = t.id) from t

explain (analyze, costs off, format json) select * from public.todos where id = 1

select * from unnest(array[1, 2], array['a', 'b']) as u(a, b), json_to_recordset('[{"a":1}]') as r(a int), jsonb_to_record('{}') as s(b text)

select distinct on (user_id) * from public.events order by user_id, created_at desc

select a <-> b, a <=> b, a ~* 'x', a !~ 'y', a similar to 'z', a ilike '%q%' escape '!', -a, ~b, |/ 4, @ -5 from t

select percentile_cont(0.5) within group (order by x), grouping(a), cast(a as numeric(10, 2)), a::varchar(10)[] from t group by cube (a)

select * from a natural join b cross join c full outer join d using (id), e as "E" where (a.x, b.y) in (values (1, 2), (3, 4)) except all select 1

select * from xmltable('/a' passing '<a/>' columns b int path 'b'), json_each('{}') j where overlay('abc' placing 'x' from 1) = trim(both from substring('x' from 1 for 2)) and position('a' in 'b') > 0

select current_date, current_user, localtimestamp(0), session_user, current_setting('x', true)