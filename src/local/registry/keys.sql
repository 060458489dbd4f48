-- API keys of projects and branches
create table api_keys (
    id text primary key,
    ref text not null references projects (ref),
    kind text not null check (kind in ('publishable', 'secret')),
    name text not null,
    api_key text not null,
    inserted_at text not null,
    unique (ref, kind, name)
) without rowid;
