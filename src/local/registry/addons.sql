-- add-ons that were chosen; one that has no row is what every project starts with
create table addons (
    ref text not null references projects (ref),
    kind text not null,
    -- null: done without
    variant text,
    primary key (ref, kind)
) without rowid;
