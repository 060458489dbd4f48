/* {marker} */ begin;
set local lock_timeout = '10s';
{sql}
;
reset role;
insert into supabase_migrations.schema_migrations (version, name, statements, idempotency_key)
values ({version}, {name}, array[{statements}], {key});
set constraints all immediate;
do {tag}
begin
    if (
        select coalesce(pg_catalog.string_agg(
            m.version operator(pg_catalog.||) '=' operator(pg_catalog.||) pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                coalesce(pg_catalog.array_to_string(m.statements, pg_catalog.chr(10)), ''), 'UTF8')), 'hex'),
            pg_catalog.chr(10) order by m.version), '')
        from supabase_migrations.schema_migrations as m
        where m.version operator(pg_catalog.<>) {version}
    ) operator(pg_catalog.<>) {expected} then
        raise exception 'the ledger was changed by something else than this migration' using errcode = '{state}';
    end if;
end
{tag};
commit;
