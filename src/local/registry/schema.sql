-- projects, and branches, which are projects too
create table projects (
    seq integer primary key,
    ref text not null unique,
    name text not null,
    organization text not null,
    region text not null,
    status text not null,
    created_at text not null,
    -- the number of its cluster; null until it is made
    cluster text,
    -- why its status is a failure
    reason text,
    -- production's ref, for a branch
    parent text references projects (ref)
);

create table branches (
    id text primary key,
    ref text not null unique references projects (ref),
    parent text not null references projects (ref),
    name text not null,
    is_default integer not null,
    persistent integer not null,
    git_branch text,
    status text not null,
    created_at text not null,
    updated_at text not null
);

create table points (
    seq integer primary key,
    ref text not null references projects (ref),
    name text not null,
    -- the engine's own description, as JSON
    point text not null,
    completed_on text not null,
    unique (ref, name)
);

-- workflows that were answered for and are not over
create table runs (
    id text primary key,
    kind text not null,
    ref text not null references projects (ref),
    migration_version text
);
