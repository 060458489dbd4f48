-- expect: hstore
-- as supabase_admin
create extension hstore with schema extensions version '1.4';
create extension citext with schema extensions;
-- not found: a version that is not offered any more
create extension unaccent with schema extensions;
update pg_extension set extversion = '0.0' where extname = 'unaccent';
