-- one line an object of the user's or the platform's schemas, then rows, then the ledger; hashed
with line(text) as (
    select format('%s %s %s %s %s %s', n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select format('%s %s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select format('%s %s %s', p.oid::regprocedure, p.proacl, md5(p.prosrc))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select format('%s %s %s %s %s %s %s', schemaname, tablename, policyname, roles, cmd, qual, with_check) from pg_policies
    union all
    select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where conrelid <> 0
    union all
    select format('%s %s %s', nspname, nspowner::regrole, nspacl) from pg_namespace where nspname !~ '^pg_'
    union all
    select format('%s %s %s %s', rolname, rolsuper, rolcreaterole, rolcanlogin) from pg_roles
    union all
    select format('%s member of %s', member::regrole, roleid::regrole) from pg_auth_members
    union all
    select format('%s.%s %s', n.nspname, c.relname,
        (xpath('/table/row/c/text()', query_to_xml(format('select count(*) as c from %I.%I', n.nspname, c.relname), false, false, '')))[1])
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select format('%s %s %s', version, name, md5(array_to_string(statements, ';'))) from supabase_migrations.schema_migrations
)
select md5(string_agg(text, e'\n' order by text collate "C")) as fingerprint from line
