-- projects whose operator has chosen to work without restore points of the platform
create table weaker_roads (
    project text primary key,
    chosen_at text not null
) without rowid;

-- the points of such a project: the same table with one more status
create table points_with_resets (
    seq integer primary key,
    branch_ref text not null,
    name text not null,
    project text not null,
    migration_version text,
    -- branch_reset: the platform offers none; returning there empties the branch and replays its migrations
    status text not null check (status in ('intended', 'available', 'missing', 'branch_reset')),
    reachable integer not null default 1,
    created_at text not null,
    ledger text not null,
    cut_by text,
    unique (branch_ref, name)
);
insert into points_with_resets
    (seq, branch_ref, name, project, migration_version, status, reachable, created_at, ledger, cut_by)
select seq, branch_ref, name, project, migration_version, status, reachable, created_at, ledger, cut_by from points;
drop table points;
alter table points_with_resets rename to points;
