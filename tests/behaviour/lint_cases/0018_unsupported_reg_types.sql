-- expect: public.t.proc
-- expect: public.t.procedure
-- expect: public.t.oper
-- expect: public.t.operator
-- expect: public.t.config
-- expect: public.t.dictionary
-- expect: public.t.namespace
-- expect: public.t.collation
-- expect: public.a_view.config
-- expect: public.composite.proc
create table public.t (
  id int, proc regproc, procedure regprocedure, oper regoper, operator regoperator, config regconfig,
  dictionary regdictionary, namespace regnamespace, "collation" regcollation
);
create view public.a_view as select config from public.t;
create type public.composite as (proc regproc);

create table public.carried (class regclass, type regtype, role regrole, list regproc[], name text);
create domain public.named as regproc;
create table public.of_domain (a public.named);
create table public.dropped (a int, b regproc);
alter table public.dropped drop column b;
-- as supabase_admin
create schema pgsodium;
create table pgsodium.t (a regproc);
