-- Everything that a migration can change, as rows (kind, identity, definition): the text under `schema_hash`.
--
-- Equal for two databases that were built by the same migrations, whatever their OIDs, the gaps that dropped columns
-- left, the order of creation of independent objects, their rows and sequence values. Different after any change of
-- a definition, a privilege, a policy, an extension or a publication.
--
-- Run with an empty search_path, so that every name prints qualified. Needs no privilege but to connect: it reads
-- catalogues only, and only those that everyone may read (no pg_authid).
--
-- Left out: the platform's own objects (schemas below, whatever belongs to an extension, event triggers and
-- publications of the platform). Kept of the platform's tables: what users add, which is policies and triggers
-- that call a user's function, and in auth the grants to API roles.

-- What exists only as a part of something else: members of extensions, constructors and casts of range types.
with part as materialized (
  select classid, objid from pg_depend
  where deptype = 'e' or deptype = 'i' and classid in ('pg_proc'::regclass, 'pg_cast'::regclass)
),
platform_schema as materialized (
  select oid, nspname from pg_namespace
  where nspname in (
    'auth', 'storage', 'realtime', 'extensions', 'vault', 'graphql', 'graphql_public', 'pgbouncer', 'pgsodium',
    'pgsodium_masks', 'pgtle', 'supabase_migrations', 'supabase_functions', 'net', 'cron', 'platform_wall',
    'information_schema'
  )
),
space as materialized (
  select n.*, quote_ident(n.nspname) as ident
  from pg_namespace n
  where n.nspname !~ '^pg_'
    and n.oid not in (select oid from platform_schema)
    and not exists (select from part e where e.classid = 'pg_namespace'::regclass and e.objid = n.oid)
),
relation as materialized (
  select c.*, s.ident || '.' || quote_ident(c.relname) as ident
  from pg_class c
  join space s on s.oid = c.relnamespace
  where not exists (select from part e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
),
-- Tables that may carry a user's policies and triggers: the user's own, and the platform's.
decorated as materialized (
  select oid, ident, true as own from relation where relkind in ('r', 'p', 'f', 'v')
  union all
  select c.oid, quote_ident(p.nspname) || '.' || quote_ident(c.relname), false
  from pg_class c
  join platform_schema p on p.oid = c.relnamespace
  where p.nspname in ('auth', 'storage', 'realtime') and c.relkind in ('r', 'p')
),
routine as materialized (
  select p.*, s.ident || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' as ident
  from pg_proc p
  join space s on s.oid = p.pronamespace
  where not exists (select from part e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
),
-- Enums, domains, ranges and stand-alone composite types; not the row, array and multirange types that come along.
type as materialized (
  select t.*, s.ident || '.' || quote_ident(t.typname) as ident
  from pg_type t
  join space s on s.oid = t.typnamespace
  left join pg_class c on c.oid = t.typrelid
  where (t.typtype in ('e', 'd', 'r') or t.typtype = 'c' and c.relkind = 'c')
    and not exists (select from part e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
),
-- An access list as text: the built-in default spelled out where nothing was ever granted, ordered by role name.
access as (
  select 'schema ' || ident as ident, coalesce(nspacl, acldefault('n', nspowner)) as acl from space
  union all
  select case relkind when 'S' then 'sequence ' else 'table ' end || ident,
    coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner))
  from relation where relkind in ('r', 'p', 'f', 'v', 'm', 'S')
  union all
  select 'column ' || r.ident || '.' || quote_ident(a.attname), a.attacl
  from relation r join pg_attribute a on a.attrelid = r.oid
  where a.attacl is not null and not a.attisdropped and cardinality(a.attacl) > 0
  union all
  select 'routine ' || ident, coalesce(proacl, acldefault('f', proowner)) from routine
  union all
  select 'type ' || ident, coalesce(typacl, acldefault('T', typowner)) from type
),
catalogue (kind, identity, definition) as (
  select 'schema', ident, jsonb_build_object('owner', pg_get_userbyid(nspowner))::text
  from space

  union all
  select
    case r.relkind when 'f' then 'foreign table' else 'table' end,
    r.ident,
    jsonb_strip_nulls(jsonb_build_object(
      'owner', pg_get_userbyid(r.relowner),
      'persistence', r.relpersistence,
      'row_security', r.relrowsecurity,
      'row_security_forced', r.relforcerowsecurity,
      'replica_identity', r.relreplident,
      'options', (select array_agg(o order by o collate "C") from unnest(r.reloptions) as o),
      'partition_by', case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end,
      'partition', case when r.relispartition then pg_get_expr(r.relpartbound, r.oid) end,
      'parents', case when r.relispartition or i.parents is not null then i.parents end,
      'of_type', case when r.reloftype <> 0 then r.reloftype::regtype::text end,
      'foreign', case when r.relkind = 'f' then (
        select jsonb_build_object('server', s.srvname, 'options', f.ftoptions)
        from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = r.oid
      ) end,
      -- `disable trigger all` reaches the triggers behind foreign keys, which are listed nowhere else
      'constraint_triggers_off', t.off
    ))::text
  from relation r
  left join (
    select inhrelid, array_agg(inhparent::regclass::text order by inhseqno) as parents from pg_inherits group by inhrelid
  ) as i on i.inhrelid = r.oid
  left join (
    select tgrelid, count(*) as off from pg_trigger where tgisinternal and tgenabled <> 'O' group by tgrelid
  ) as t on t.tgrelid = r.oid
  where r.relkind in ('r', 'p', 'f')

  union all
  select
    'column',
    a.ident || '.' || quote_ident(a.attname),
    jsonb_strip_nulls(jsonb_build_object(
      -- the place among the columns that exist
      'position', row_number() over (partition by a.attrelid order by a.attnum),
      'type', format_type(a.atttypid, a.atttypmod),
      'not_null', a.attnotnull,
      'default', pg_get_expr(d.adbin, d.adrelid),
      'generated', nullif(a.attgenerated, ''),
      'identity', nullif(a.attidentity, ''),
      'collation', case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
      'storage', case when a.attstorage <> t.typstorage then a.attstorage end,
      'compression', nullif(a.attcompression, ''),
      'statistics', nullif(a.attstattarget::int, -1),
      'options', a.attoptions,
      'inherited', case when a.attinhcount > 0 then jsonb_build_array(a.attinhcount, a.attislocal) end
    ))::text
  from (
    select r.ident, a.*
    from relation r
    join pg_attribute a on a.attrelid = r.oid
    where r.relkind in ('r', 'p', 'f', 'v', 'm', 'c') and a.attnum > 0 and not a.attisdropped
  ) as a
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum

  union all
  select
    'constraint',
    coalesce(r.ident, t.ident) || '.' || quote_ident(c.conname),
    pg_get_constraintdef(c.oid) || case when c.conislocal then '' else ' (inherited)' end
  from pg_constraint c
  left join relation r on r.oid = c.conrelid
  left join type t on t.oid = c.contypid
  where coalesce(r.ident, t.ident) is not null and c.contype <> 't'

  union all
  select
    'index',
    r.ident,
    pg_get_indexdef(i.indexrelid)
      || case when i.indisclustered then ' clustered' else '' end
      || case when i.indisreplident then ' replica identity' else '' end
      || case when i.indisvalid then '' else ' invalid' end
  from relation r
  join pg_index i on i.indexrelid = r.oid

  union all
  select
    'sequence',
    r.ident,
    jsonb_strip_nulls(jsonb_build_object(
      'owner', pg_get_userbyid(r.relowner),
      'persistence', r.relpersistence,
      'type', format_type(s.seqtypid, null),
      'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax,
      'cache', s.seqcache, 'cycle', s.seqcycle,
      'of', (
        select d.refobjid::regclass || '.' || quote_ident(a.attname)
        from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')
          and d.refclassid = 'pg_class'::regclass
      )
    ))::text
  from relation r
  join pg_sequence s on s.seqrelid = r.oid

  union all
  select
    case relkind when 'm' then 'materialized view' else 'view' end,
    ident,
    jsonb_strip_nulls(jsonb_build_object(
      'owner', pg_get_userbyid(relowner),
      'options', (select array_agg(o order by o collate "C") from unnest(reloptions) as o),
      'query', pg_get_viewdef(oid)
    ))::text
  from relation where relkind in ('v', 'm')

  union all
  select 'rule', d.ident || '.' || quote_ident(w.rulename), pg_get_ruledef(w.oid) || ' ' || w.ev_enabled::text
  from pg_rewrite w
  join decorated d on d.oid = w.ev_class
  where w.rulename <> '_RETURN'

  union all
  select
    case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    ident,
    jsonb_build_object(
      'owner', pg_get_userbyid(proowner),
      'definition', case when prokind <> 'a' then to_jsonb(pg_get_functiondef(oid)) else (
        select to_jsonb(g) - array['aggfnoid', 'aggtranstype', 'aggmtranstype', 'aggsortop']
          || jsonb_build_object('returns', format_type(routine.prorettype, null), 'arguments',
            pg_get_function_arguments(routine.oid), 'parallel', routine.proparallel,
            'state', format_type(g.aggtranstype, null), 'moving_state', format_type(g.aggmtranstype, null),
            'sort', g.aggsortop::regoperator::text)
        from pg_aggregate g where g.aggfnoid = routine.oid
      ) end
    )::text
  from routine

  union all
  select 'trigger', d.ident || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
  from pg_trigger t
  join decorated d on d.oid = t.tgrelid
  join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal
    and (d.own or p.pronamespace not in (select oid from platform_schema))

  union all
  select
    'policy',
    d.ident || '.' || quote_ident(p.polname),
    jsonb_strip_nulls(jsonb_build_object(
      'permissive', p.polpermissive,
      'command', p.polcmd,
      'roles', (
        select array_agg(case when r = 0 then 'public' else pg_get_userbyid(r) end order by pg_get_userbyid(r))
        from unnest(p.polroles) as r
      ),
      'using', pg_get_expr(p.polqual, p.polrelid),
      'check', pg_get_expr(p.polwithcheck, p.polrelid)
    ))::text
  from pg_policy p
  join decorated d on d.oid = p.polrelid

  union all
  select
    case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range' else 'composite type' end,
    t.ident,
    jsonb_strip_nulls(jsonb_build_object(
      'owner', pg_get_userbyid(t.typowner),
      'labels', case when t.typtype = 'e' then (
        select jsonb_agg(l.enumlabel order by l.enumsortorder) from pg_enum l where l.enumtypid = t.oid
      ) end,
      'of', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
      'not_null', case when t.typtype = 'd' then t.typnotnull end,
      'default', t.typdefault,
      'collation', case when t.typtype = 'd' and t.typcollation <> 0 then t.typcollation::regcollation::text end,
      'range', case when t.typtype = 'r' then (
        select jsonb_build_object('of', format_type(g.rngsubtype, null), 'multirange', g.rngmultitypid::regtype::text,
          'canonical', g.rngcanonical::regproc::text, 'difference', g.rngsubdiff::regproc::text,
          'collation', g.rngcollation::regcollation::text)
        from pg_range g where g.rngtypid = t.oid
      ) end
    ))::text
  from type t

  union all
  select 'extension', quote_ident(e.extname), jsonb_build_object('schema', n.nspname, 'version', e.extversion)::text
  from pg_extension e
  join pg_namespace n on n.oid = e.extnamespace

  union all
  select
    'publication',
    quote_ident(p.pubname),
    (to_jsonb(p) - 'oid' - 'pubname' || jsonb_build_object('pubowner', pg_get_userbyid(p.pubowner)))::text
  from pg_publication p
  where p.pubname <> 'supabase_realtime_messages_publication'

  union all
  select
    'publication member',
    quote_ident(p.pubname) || ' ' || m.prrelid::regclass,
    jsonb_strip_nulls(jsonb_build_object(
      'columns', (
        select jsonb_agg(a.attname order by a.attnum)
        from pg_attribute a where a.attrelid = m.prrelid and a.attnum = any (m.prattrs)
      ),
      'where', pg_get_expr(m.prqual, m.prrelid)
    ))::text
  from pg_publication_rel m
  join pg_publication p on p.oid = m.prpubid
  where p.pubname <> 'supabase_realtime_messages_publication'
  union all
  select 'publication member', quote_ident(p.pubname) || ' schema ' || m.pnnspid::regnamespace, ''
  from pg_publication_namespace m
  join pg_publication p on p.oid = m.pnpubid

  union all
  select 'privilege', ident, array_to_string(array(select i::text from unnest(acl) as i order by i::text collate "C"), ' ')
  from access
  union all
  -- The platform grants nothing in auth to API roles; a grant plus a policy would open it.
  select 'privilege', 'table ' || d.ident, string_agg(i::text, ' ' order by i::text collate "C")
  from decorated d
  join pg_class c on c.oid = d.oid
  cross join lateral unnest(c.relacl) as i
  where not d.own and d.ident like 'auth.%' and i::text ~ '^(anon|authenticated|service_role|)='
  group by d.ident
  union all
  select 'privilege', 'column ' || d.ident || '.' || quote_ident(a.attname), string_agg(i::text, ' ' order by i::text collate "C")
  from decorated d
  join pg_attribute a on a.attrelid = d.oid and a.attnum > 0 and not a.attisdropped
  cross join lateral unnest(a.attacl) as i
  where not d.own and d.ident like 'auth.%' and i::text ~ '^(anon|authenticated|service_role|)='
  group by d.ident, a.attname
  union all
  select
    'default privilege',
    concat_ws(' ', pg_get_userbyid(d.defaclrole), s.ident,
      case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
        when 'T' then 'types' when 'n' then 'schemas' else d.defaclobjtype::text end),
    array_to_string(array(select i::text from unnest(d.defaclacl) as i order by i::text collate "C"), ' ')
  from pg_default_acl d
  left join space s on s.oid = d.defaclnamespace
  where d.defaclnamespace = 0 or s.oid is not null

  union all
  -- Roles belong to the cluster, but who may act as whom decides what a policy is worth.
  select 'membership', quote_ident(pg_get_userbyid(m.member)),
    string_agg(quote_ident(pg_get_userbyid(m.roleid)) || ' ' || m.options, ', ' order by pg_get_userbyid(m.roleid), m.options)
  from (
    -- 16 added options; who granted it does not matter
    select distinct roleid, member, (to_jsonb(a) - array['oid', 'roleid', 'member', 'grantor'])::text as options
    from pg_auth_members a
  ) as m
  where pg_get_userbyid(m.member) in ('anon', 'authenticated', 'service_role', 'authenticator')
  group by m.member
  union all
  select 'setting', quote_ident(r.rolname), (select string_agg(c, e'\n' order by c collate "C") from unnest(s.setconfig) as c)
  from pg_db_role_setting s
  join pg_roles r on r.oid = s.setrole
  where r.rolname in ('postgres', 'anon', 'authenticated', 'service_role')

  union all
  select 'event trigger', quote_ident(e.evtname),
    jsonb_build_object('event', e.evtevent, 'enabled', e.evtenabled, 'function', e.evtfoid::regprocedure::text,
      'tags', (select jsonb_agg(g order by g collate "C") from unnest(e.evttags) as g))::text
  from pg_event_trigger e
  join pg_proc p on p.oid = e.evtfoid
  where p.pronamespace not in (select oid from platform_schema)

  union all
  select 'statistics', s.ident || '.' || quote_ident(x.stxname), pg_get_statisticsobjdef(x.oid)
  from pg_statistic_ext x
  join space s on s.oid = x.stxnamespace

  union all
  select 'operator', o.oid::regoperator::text,
    jsonb_build_object('owner', pg_get_userbyid(o.oprowner), 'function', o.oprcode::regprocedure::text,
      'commutator', o.oprcom::regoperator::text, 'negator', o.oprnegate::regoperator::text,
      'hashes', o.oprcanhash, 'merges', o.oprcanmerge)::text
  from pg_operator o
  join space s on s.oid = o.oprnamespace
  where not exists (select from part e where e.classid = 'pg_operator'::regclass and e.objid = o.oid)

  union all
  -- 16384 is where the objects that initdb made end
  select 'cast', format_type(k.castsource, null) || ' as ' || format_type(k.casttarget, null),
    k.castcontext::text || k.castmethod::text || ' ' || case when k.castfunc <> 0 then k.castfunc::regprocedure::text else '' end
  from pg_cast k
  where k.oid >= 16384
    and not exists (select from part e where e.classid = 'pg_cast'::regclass and e.objid = k.oid)

  union all
  select 'collation', s.ident || '.' || quote_ident(c.collname),
    (to_jsonb(c) - 'oid' - 'collnamespace' - 'collversion' || jsonb_build_object('collowner', pg_get_userbyid(c.collowner)))::text
  from pg_collation c
  join space s on s.oid = c.collnamespace

  union all
  select 'text search configuration', s.ident || '.' || quote_ident(c.cfgname),
    (select string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
      order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = c.oid)
  from pg_ts_config c
  join space s on s.oid = c.cfgnamespace
  where not exists (select from part e where e.classid = 'pg_ts_config'::regclass and e.objid = c.oid)
  union all
  select 'text search dictionary', s.ident || '.' || quote_ident(d.dictname), coalesce(d.dictinitoption, '')
  from pg_ts_dict d
  join space s on s.oid = d.dictnamespace
  where not exists (select from part e where e.classid = 'pg_ts_dict'::regclass and e.objid = d.oid)

  union all
  select 'foreign server', quote_ident(f.srvname),
    jsonb_build_object('owner', pg_get_userbyid(f.srvowner), 'wrapper', w.fdwname, 'type', f.srvtype,
      'version', f.srvversion, 'options', f.srvoptions)::text
  from pg_foreign_server f
  join pg_foreign_data_wrapper w on w.oid = f.srvfdw
  where not exists (select from part e where e.classid = 'pg_foreign_server'::regclass and e.objid = f.oid)

  union all
  -- Comments on the user's own objects. One on a table of the platform says nothing about the application, and in
  -- the cloud comes and goes with the platform's releases.
  select 'comment', o.type || ' ' || o.identity, d.description
  from pg_description d
  cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as o
  where (d.objoid >= 16384 or d.classoid = 'pg_namespace'::regclass and d.objoid = to_regnamespace('public'))
    and not exists (select from part e where e.classid = d.classoid and e.objid = d.objoid)
    and d.classoid <> 'pg_extension'::regclass
    and (
      o.schema is null and d.classoid in (
        'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_constraint'::regclass, 'pg_rewrite'::regclass,
        'pg_publication'::regclass, 'pg_cast'::regclass, 'pg_foreign_server'::regclass, 'pg_event_trigger'::regclass)
      or d.classoid = 'pg_namespace'::regclass and d.objoid in (select oid from space)
      or o.schema in (select nspname from space)
    )
)
select kind, identity, coalesce(definition, '') as definition
from catalogue
order by kind collate "C", identity collate "C", definition collate "C"
