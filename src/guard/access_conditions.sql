-- Which of these conditions hold for anybody, put as a caller without a row of any table: what names a column fails, and
-- so does not. Nothing makes the transaction writable again once a query has run in it, and the empty one is a query.
set transaction read only;
select where false;
set local statement_timeout = '20s';
-- the path along which they were printed
set local search_path = "$user", public, extensions;
select pg_catalog.set_config('drydock.conditions', {conditions}, true);
do $drydock$
declare
    conditions text[] := array(
        select condition
        from pg_catalog.jsonb_array_elements_text(pg_catalog.current_setting('drydock.conditions')::jsonb) as condition
    );
    condition text;
    holds boolean;
    hold text[] := '{{}}';
begin
    foreach condition in array conditions loop
        begin
            perform pg_catalog.set_config('request.jwt.claims', '{claims}', true);
            set local role {role};
            execute 'select (' || condition || ')' into holds;
        exception when others then
            holds := null;
        end;
        reset role;
        if holds then
            hold := hold || condition;
        end if;
    end loop;
    perform pg_catalog.set_config('drydock.hold', pg_catalog.to_json(hold)::text, true);
end
$drydock$;
select pg_catalog.current_setting('drydock.hold') as hold;
