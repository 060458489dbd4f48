-- expect: public.for_anon
-- expect: public.for_everybody
-- as supabase_admin
create extension file_fdw with schema extensions;
create server files foreign data wrapper file_fdw;
create foreign table public.for_anon (a text) server files options (filename '/dev/null');
grant select on public.for_anon to anon;
create foreign table public.for_everybody (a text) server files options (filename '/dev/null');
revoke all on public.for_everybody from anon, authenticated;
grant select on public.for_everybody to public;

create foreign table public.unread (a text) server files options (filename '/dev/null');
revoke all on public.unread from anon, authenticated;
create foreign table public.a_column (a text, b text) server files options (filename '/dev/null');
revoke all on public.a_column from anon, authenticated;
grant select (a) on public.a_column to anon;
create schema hidden;
create foreign table hidden.t (a text) server files options (filename '/dev/null');
grant select on hidden.t to anon;
create foreign table public.of_extension (a text) server files options (filename '/dev/null');
grant select on public.of_extension to anon;
alter extension file_fdw add foreign table public.of_extension;
create table public.a_table (a text);
grant select on public.a_table to anon;
