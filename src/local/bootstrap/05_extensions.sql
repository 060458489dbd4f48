-- Extensions that a fresh project has, in schema extensions, as far as the machine offers them.
do $$
declare
  extension name;
begin
  -- pgcrypto and uuid-ossp: part of every project. pg_stat_statements: counts once it is preloaded.
  -- moddatetime: the one untrusted extension that tutorials rely on; a single harmless trigger function.
  -- Further trusted ones (citext, hstore, pg_trgm, …) the user creates, and drops, without help. postgres_fdw,
  -- dblink and file_fdw reach out of the cluster, are untrusted, and so stay out of the user's reach.
  foreach extension in array array['pgcrypto', 'uuid-ossp', 'pg_stat_statements', 'moddatetime']
  loop
    if exists (select from pg_available_extensions where name = extension) then
      execute format('create extension if not exists %I with schema extensions', extension);
    end if;
  end loop;
end
$$;
