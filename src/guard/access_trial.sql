-- Reads each table or view as anon and as a stranger who is signed in, and says whether a row came. Nothing makes the
-- transaction writable again once a query has run in it, and the empty one is a query. What the tables' own code does
-- meanwhile it does as the role that reads.
set transaction read only;
select where false;
set local statement_timeout = '20s';
set local search_path = '';
select pg_catalog.set_config('drydock.targets', {targets}, true);
do $drydock$
declare
    targets text[] := array(
        select target
        from pg_catalog.jsonb_array_elements_text(pg_catalog.current_setting('drydock.targets')::jsonb) as target
    );
    caller record;
    target text;
    found boolean;
    seen jsonb := '[]';
begin
    for caller in
        values ('anon', '{{"role": "anon"}}'),
            ('authenticated', '{{"role": "authenticated", "aud": "authenticated", "sub": "{stranger}"}}')
    loop
        foreach target in array targets loop
            begin
                perform pg_catalog.set_config('request.jwt.claims', caller.column2, true);
                execute pg_catalog.format('set local role %I', caller.column1);
                execute 'select exists (select from ' || target || ')' into found;
            exception when others then
                found := null;
            end;
            reset role;
            seen := seen || pg_catalog.jsonb_build_object('object', target, 'who', caller.column1, 'row', found);
        end loop;
    end loop;
    perform pg_catalog.set_config('drydock.seen', seen::text, true);
end
$drydock$;
select pg_catalog.current_setting('drydock.seen') as seen;
