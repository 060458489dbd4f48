-- the journal: append-only, each entry chained to the one before it
create table journal (
    seq integer primary key,
    at text not null,
    call_id text not null,
    kind text not null check (kind in ('intent', 'outcome')),
    tool text not null,
    body text not null,
    previous text not null,
    hash text not null
);
create index journal_call on journal (call_id);

-- which project a branch belongs to, learnt from listings of branches
create table branches (
    ref text primary key,
    project text not null,
    name text not null,
    seen_at text not null
) without rowid;

-- projects that were seen, so that a name given for a ref can be answered with the ref
create table projects (
    ref text primary key,
    name text not null,
    idempotency_key text unique,
    seen_at text not null
) without rowid;

-- restore points: the platform lists none, so this does
create table points (
    seq integer primary key,
    branch_ref text not null,
    name text not null,
    project text not null,
    migration_version text,
    -- intended: its migration may or may not have happened; available; missing: could not be made
    status text not null check (status in ('intended', 'available', 'missing')),
    reachable integer not null default 1,
    created_at text not null,
    -- the ledger's versions at that moment, as a JSON array
    ledger text not null,
    -- the way back of the revert that made it unreachable
    cut_by text,
    unique (branch_ref, name)
);

-- reverts that were asked for, until their outcome is stored
create table reverts (
    branch_ref text primary key,
    target text not null,
    undo text not null
) without rowid;

-- production's hashes after create, merge, rebase and recovery
create table hashes (
    project text primary key,
    schema_hash text not null,
    ledger_hash text not null,
    -- the catalogue behind schema_hash, so that a difference can be named
    catalogue text not null,
    recorded_at text not null,
    reason text not null
) without rowid;

-- who may work on what, until when
create table leases (
    name text primary key,
    holder text not null,
    pid integer not null,
    until_ms integer not null
) without rowid;

-- merges under way: written before the platform is told, removed after the last check
create table merges (
    project text primary key,
    branch_ref text not null,
    -- production's ledger before and after, as JSON arrays of versions
    before text not null,
    expected text not null,
    -- the branch's, as the gate judged them
    schema_hash text not null,
    state_hash text not null,
    started_at text not null
) without rowid;
