-- expect: public.citext
-- expect: public.pg_trgm
create extension citext with schema public;
-- found: public is where the search path of postgres puts it
create extension pg_trgm;

-- not found
create extension hstore with schema extensions;
create schema other;
create extension btree_gist with schema other;
