-- secrets of a project's or branch's functions, which are handed their values
create table secrets (
    ref text not null references projects (ref),
    name text not null,
    value text not null,
    updated_at text not null,
    primary key (ref, name)
);
