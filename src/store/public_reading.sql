-- what anybody may read with an approval: a table with its policies, as a digest
create table public_reading (
    project_ref text not null,
    digest text not null,
    object text not null,
    approved_ms integer not null,
    primary key (project_ref, digest)
) without rowid;
