-- calls that were answered with in_progress: found again by whoever repeats them
create table operations (
    -- SHA-256 over caller, tool and arguments
    key text primary key,
    id text not null,
    tool text not null,
    started_at text not null,
    -- what came of it, as JSON; null while it runs, under the lease operation:<id>
    outcome text,
    until_ms integer not null
) without rowid;
