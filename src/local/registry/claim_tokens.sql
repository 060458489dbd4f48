-- tokens by which whoever administers another organization takes a project there; one a project
create table claim_tokens (
    ref text primary key references projects (ref),
    -- SHA-256
    digest text not null unique,
    -- what is shown of it
    alias text not null,
    -- an account, or nobody's id for the builder
    created_by text not null,
    created_at text not null,
    -- milliseconds since the Unix epoch
    expires_at integer not null
) without rowid;

-- personal access tokens of accounts, for what the API alone offers
create table account_tokens (
    -- SHA-256
    digest text primary key,
    account text not null references accounts (id)
) without rowid;
