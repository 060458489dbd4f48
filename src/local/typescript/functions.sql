-- Functions of the schemas in $1 (text[]) that can be called by name, members of extensions left out: schema text,
-- name text, returns bigint (a type's oid), is_set bool, gives_one bool (a set of one row), defaults int (how many of
-- the last inputs have one), arguments jsonb [{name, type (oid), mode}].
select
  n.nspname::text as schema,
  p.proname::text as name,
  p.prorettype::bigint as returns,
  p.proretset as is_set,
  p.prorows = 1 as gives_one,
  p.pronargdefaults::int as defaults,
  coalesce(
    (
      select jsonb_agg(
        jsonb_build_object('name', coalesce(one.name, ''), 'type', one.type::bigint, 'mode', coalesce(one.mode, 'i'))
        order by one.place
      )
      from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
        with ordinality as one (type, name, mode, place)
    ),
    '[]'
  ) as arguments
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
where n.nspname = any ($1::text[])
  and p.prokind in ('f', 'w')
  and t.typname not in ('trigger', 'event_trigger', 'internal')
  and not ('internal'::regtype = any (p.proargtypes::oid[]))
  and not exists (
    select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
  )
order by n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)
