-- one line for each thing that an app is made of, without its rows and without how it came about
with own as (
    select oid, nspname from pg_namespace where nspname = 'public'
), line(text) as (
    select format('%s %s %s %s %s', c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl)
    from pg_class c join own on own.oid = c.relnamespace
    union all
    select format('%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid join own on own.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where connamespace in (select oid from own)
    union all
    select indexdef from pg_indexes where schemaname = 'public'
    union all
    select format('%s %s %s', p.oid::regprocedure, p.proacl, pg_get_functiondef(p.oid)) from pg_proc p join own on own.oid = p.pronamespace
    where p.prokind in ('f', 'p')
    union all
    select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all
    select format('%s %s %s %s %s %s', tablename, policyname, roles, cmd, qual, with_check) from pg_policies where schemaname = 'public'
    union all
    select format('%s %s %s', t.typname, e.enumsortorder, e.enumlabel)
    from pg_enum e join pg_type t on t.oid = e.enumtypid join own on own.oid = t.typnamespace
    union all
    select format('%s in %s', extname, extnamespace::regnamespace) from pg_extension
)
select text from line order by text collate "C"
