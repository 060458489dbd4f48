-- deployed functions: what each is called and which bundle it serves
create table functions (
    id text primary key,
    ref text not null references projects (ref),
    slug text not null,
    name text not null,
    version integer not null,
    -- milliseconds since 1970
    created_at integer not null,
    updated_at integer not null,
    verify_jwt integer not null,
    -- SHA-256 of the bundle, and the name of its directory
    digest text not null,
    entrypoint text not null,
    import_map text,
    unique (ref, slug)
);
