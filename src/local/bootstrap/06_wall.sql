-- The wall around the platform's objects.
--
-- PostgreSQL lets only a table's owner write policies on it, and an owner can do everything else too. So postgres
-- is a member of the owner, and event triggers refuse whatever is not decoration:
--
--   create/alter/drop policy or trigger, comment, grant select   pass
--   every other change to an object in platform_wall.protected   refused (42501)
--
-- What the design rests on:
--   * objects are known by OID, so renaming or moving one does not free it;
--   * the exemption is "the session logged in as a superuser", not a role name: `set role`, a SECURITY DEFINER
--     function or a login as any service role changes nothing;
--   * only superusers may create, alter, disable or drop event triggers, and these fire ALWAYS, whatever
--     session_replication_role says;
--   * a statement that reports one of our objects is refused unless it is a comment, so new kinds of ALTER need no
--     new rule. Statements that report another object than the one they change are judged by the state they left:
--     rules, publications, inheritance, extension membership, grants. `drop owned` reports nothing and is refused.
-- Indexes are out of reach without it: PostgreSQL asks for CREATE on the schema, which nobody has.

create schema platform_wall;

-- Every object of the platform's schemas, as (catalogue, oid).
create table platform_wall.protected (
  classid oid not null,
  objid oid not null,
  primary key (classid, objid)
);

-- The privileges the platform gave on its relations: none of them may go, and only select may be added.
create table platform_wall.granted (
  relation oid not null,
  grantee oid not null,
  privilege text not null,
  primary key (relation, grantee, privilege)
);

create function platform_wall.refuse(what text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot change %: it belongs to the platform', what
    using errcode = 'insufficient_privilege',
      hint = 'Policies, triggers and comments may be added to its tables; keep your own objects in a schema of your own.';
end
$$;

-- Gives the members of an extension to a role, all that have an owner and a schema.
create function platform_wall.hand_over(extension oid, new_owner name) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  member record;
begin
  for member in
    select object.type, object.identity
    from pg_depend d
    cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) as object
    where d.refclassid = 'pg_extension'::regclass and d.refobjid = extension and d.deptype = 'e'
      and object.schema is not null
      -- These follow what they belong to.
      and object.type not in ('cast', 'index', 'sequence', 'transform', 'text search parser', 'text search template')
      -- So do array, multirange and row types, which are members of their own since 17.
      and not exists (
        select from pg_type t
        where d.classid = 'pg_type'::regclass and t.oid = d.objid
          and (t.typtype = 'm'
            or exists (select from pg_type e where e.typarray = t.oid)
            or exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c'))
      )
  loop
    execute format('alter %s %s owner to %I', member.type, member.identity, new_owner);
  end loop;
end
$$;

-- After any DDL statement: did it touch something of ours?
create function platform_wall.on_ddl_command_end() returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  touched text;
begin
  -- current_user is the function's owner here; who logged in is session_user, and nothing in SQL can change that.
  if (select rolsuper from pg_roles where rolname = session_user) then
    return;
  end if;

  -- It would also take from postgres, or from the API roles, what the platform granted them.
  if tg_tag = 'DROP OWNED' then
    raise exception 'drop owned is not available' using errcode = 'insufficient_privilege',
      hint = 'Drop the objects by name.';
  end if;

  with command as materialized (
    select * from pg_event_trigger_ddl_commands()
  ),
  reached as (
    -- the object itself, …
    select c.classid, c.objid from command c where c.command_tag <> 'COMMENT'
    union all
    -- … the table a rule rewrites, …
    select 'pg_class'::regclass, r.ev_class
    from command c join pg_rewrite r on c.classid = 'pg_rewrite'::regclass and r.oid = c.objid
    union all
    -- … the tables a publication would stream (`create publication` reports only itself), …
    select 'pg_class'::regclass, p.prrelid
    from command c
    join pg_publication_rel p
      on (c.classid = 'pg_publication_rel'::regclass and p.oid = c.objid)
      or (c.classid = 'pg_publication'::regclass and p.prpubid = c.objid)
    union all
    -- … the members an extension was given, …
    select d.classid, d.objid
    from command c
    join pg_depend d
      on c.classid = 'pg_extension'::regclass and d.refclassid = c.classid and d.refobjid = c.objid and d.deptype = 'e'
    union all
    -- … and the parent whose rows a child table would join.
    select 'pg_class'::regclass, i.inhparent
    from command c join pg_inherits i on c.classid = 'pg_class'::regclass and i.inhrelid = c.objid
  )
  select o.identity into touched
  from reached r
  join platform_wall.protected p on p.classid = r.classid and p.objid = r.objid
  cross join lateral pg_identify_object(p.classid, p.objid, 0) as o
  limit 1;
  if found then
    perform platform_wall.refuse(touched);
  end if;

  -- The cloud lets postgres move an extension out of public, which asks for the ownership of all its members; those of
  -- a trusted extension belong to whoever PostgreSQL ran its script as.
  if tg_tag = 'CREATE EXTENSION' then
    perform platform_wall.hand_over(c.objid, session_user)
    from pg_event_trigger_ddl_commands() c
    where c.classid = 'pg_extension'::regclass;
  end if;

  -- A grant is reported without its object, so the state is compared instead.
  if exists (
    select from pg_event_trigger_ddl_commands() c
    where c.command_tag in ('GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES')
  ) then
    select coalesce(h.relation, g.relation)::regclass::text into touched
    from (
      select distinct c.oid as relation, a.grantee, a.privilege_type as privilege
      from pg_class c, aclexplode(c.relacl) a
      where c.oid in (select objid from platform_wall.protected where classid = 'pg_class'::regclass)
    ) h
    full join platform_wall.granted g using (relation, grantee, privilege)
    where h.relation is null or (g.relation is null and h.privilege <> 'SELECT')
    limit 1;
    if found then
      perform platform_wall.refuse('a privilege on ' || touched);
    end if;
    select c.oid::regclass::text into touched
    from pg_attribute at join pg_class c on c.oid = at.attrelid, aclexplode(at.attacl) a
    where at.attacl is not null
      and a.privilege_type <> 'SELECT'
      and c.oid in (select objid from platform_wall.protected where classid = 'pg_class'::regclass)
    limit 1;
    if found then
      perform platform_wall.refuse('a privilege on ' || touched);
    end if;
    if exists (select from pg_default_acl where defaclrole = 'supabase_shared_tables_admin'::regrole) then
      perform platform_wall.refuse('role supabase_shared_tables_admin');
    end if;
  end if;
end
$$;

-- Drops, also those that arrive by cascade.
create function platform_wall.on_sql_drop() returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  touched text;
begin
  if (select rolsuper from pg_roles where rolname = session_user) then
    return;
  end if;
  select d.object_identity into touched
  from pg_event_trigger_dropped_objects() d
  join platform_wall.protected p on p.classid = d.classid and p.objid = d.objid
  limit 1;
  if found then
    perform platform_wall.refuse(touched);
  end if;
end
$$;

-- `reassign owned` fires no event trigger, and would hand the tables to postgres. It stops at the first object
-- that it cannot hand over, and a foreign-data wrapper goes to superusers only. So the owner holds one: without
-- a handler, good for nothing else, and itself behind the wall.
alter role supabase_shared_tables_admin superuser;
create foreign data wrapper platform_wall_anchor no handler no validator;
alter foreign data wrapper platform_wall_anchor owner to supabase_shared_tables_admin;
alter role supabase_shared_tables_admin nosuperuser;

-- Writes down what the platform owns. Run again after the platform has changed its own schemas, also on a cluster in
-- use: policies, and triggers that call a function from elsewhere, are the user's and are left out. (A select that
-- the user granted counts as the platform's from then on.)
create procedure platform_wall.seal()
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from platform_wall.protected;
  delete from platform_wall.granted;

  with home as (
    select oid from pg_namespace
    where nspname in ('auth', 'storage', 'realtime', 'extensions', 'graphql', 'graphql_public', 'vault',
      'supabase_migrations', 'platform_wall')
  ),
  -- What lies in extensions belongs to extensions; PostgreSQL guards the members of those that are not the user's.
  content as (select oid from home where oid <> 'extensions'::regnamespace),
  relation as (select oid from pg_class where relnamespace in (select oid from content))
  insert into platform_wall.protected
  select 'pg_namespace'::regclass, oid from home
  union all select 'pg_class'::regclass, oid from relation
  union all select 'pg_attrdef'::regclass, oid from pg_attrdef where adrelid in (select oid from relation)
  union all select 'pg_constraint'::regclass, oid from pg_constraint where conrelid in (select oid from relation)
  union all select 'pg_trigger'::regclass, t.oid from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where t.tgrelid in (select oid from relation)
      and (p.pronamespace in (select oid from content)
        or t.tgconstraint in (select oid from pg_constraint where conrelid in (select oid from relation)))
  union all select 'pg_rewrite'::regclass, oid from pg_rewrite where ev_class in (select oid from relation)
  union all select 'pg_proc'::regclass, oid from pg_proc where pronamespace in (select oid from content)
  union all select 'pg_type'::regclass, oid from pg_type where typnamespace in (select oid from content)
  union all select 'pg_foreign_data_wrapper'::regclass, oid from pg_foreign_data_wrapper
    where fdwname = 'platform_wall_anchor';

  insert into platform_wall.granted
  select distinct c.oid, a.grantee, a.privilege_type
  from pg_class c, aclexplode(c.relacl) a
  where c.oid in (select objid from platform_wall.protected where classid = 'pg_class'::regclass);
$$;
revoke execute on all routines in schema platform_wall from public;
call platform_wall.seal();

create event trigger platform_wall_ddl on ddl_command_end execute function platform_wall.on_ddl_command_end();
create event trigger platform_wall_drop on sql_drop execute function platform_wall.on_sql_drop();
alter event trigger platform_wall_ddl enable always;
alter event trigger platform_wall_drop enable always;

-- Dumps begin with `set session_replication_role = replica`. The wall does not depend on it (see above).
grant set on parameter session_replication_role to postgres;

-- What a READ ONLY transaction does not stop, because it is not undone by a rollback or not seen as a write:
-- large objects (15), session advisory locks, messages in the write-ahead log, signals to one's own role.
do $$
declare
  routine regprocedure;
  name name;
begin
  for routine, name in
    select oid::regprocedure, proname from pg_proc
    where pronamespace = 'pg_catalog'::regnamespace
      and (proname ~ '^pg_(try_)?advisory_'
        or proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_export', 'lo_open', 'lo_put',
          'lo_truncate', 'lo_truncate64', 'lo_unlink', 'lowrite')
        or proname in ('pg_logical_emit_message', 'pg_cancel_backend', 'pg_terminate_backend'))
  loop
    execute format('revoke execute on function %s from public', routine);
    -- Applications take advisory locks, also inside functions that the API calls; postgres may signal.
    if name ~ 'advisory' then
      execute format('grant execute on function %s to postgres, anon, authenticated, service_role, '
        'supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin', routine);
    elsif name ~ 'backend$' or name = 'pg_logical_emit_message' then
      execute format('grant execute on function %s to postgres', routine);
    end if;
  end loop;
end
$$;
