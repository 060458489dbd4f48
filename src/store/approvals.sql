-- approvals: one call that waits for a yes, bound to who asked, with what, and for which state
create table approvals (
    id text primary key,
    principal text not null,
    tool text not null,
    operation text not null,
    -- production's ref, or it and a branch's name; empty where a call concerns no project
    subject text not null,
    -- SHA-256 of the arguments as canonical JSON; empty where the approval is for any arguments
    arguments text not null,
    -- SHA-256 of what it was asked for
    state text not null,
    summary text not null,
    -- the same as JSON, so that a later state can be compared with it
    facts text not null,
    -- whether it may be used again until it expires
    reusable integer not null,
    status text not null check (status in ('pending', 'granted', 'denied', 'used', 'expired')),
    created_ms integer not null,
    -- for how long an answer counts
    lasts_ms integer not null,
    -- when it ends: while it is pending, its waiting; then, its answer
    expires_ms integer not null,
    answered_ms integer,
    answered_by text,
    -- the road on which the answer came
    road text check (road in ('client', 'operator')),
    reason text,
    used_ms integer,
    -- whether the operator's backend has been told, and until when somebody is at it
    told integer not null default 0,
    telling_until_ms integer not null default 0
) without rowid;
create index approvals_call on approvals (principal, tool, operation, subject);

-- the question that a client was last given for an approval, to be answered once
create table questions (
    approval text primary key,
    -- SHA-256 of the request state
    handle text not null unique,
    principal text not null,
    tool text not null,
    arguments text not null
) without rowid;

-- signed messages that were heard, so that none is heard twice
create table heard (
    message text primary key,
    heard_ms integer not null
) without rowid;
