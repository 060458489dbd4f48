-- who signs in on the pages of the claim flow
create table accounts (
    id text primary key,
    email text not null unique,
    -- salt and PBKDF2 digest, in hexadecimal digits
    salt text not null,
    password text not null,
    created_at text not null
) without rowid;

-- a browser; one that has not signed in has no account
create table sessions (
    -- SHA-256 of the cookie
    digest text primary key,
    account text references accounts (id),
    -- milliseconds since the Unix epoch, here and below
    expires_at integer not null
) without rowid;

-- organizations of accounts; the builder's own is not among them
create table organizations (
    slug text primary key,
    name text not null,
    account text not null references accounts (id),
    created_at text not null
) without rowid;

create table oauth_apps (
    client_id text primary key,
    -- SHA-256
    client_secret text not null,
    name text not null,
    -- a JSON array; one is matched to the letter
    redirect_uris text not null
) without rowid;

-- claims that were begun
create table claims (
    -- SHA-256 of the token in the link
    digest text primary key,
    ref text not null references projects (ref),
    client_id text not null,
    redirect_uri text not null,
    state text,
    code_challenge text,
    code_challenge_method text,
    expires_at integer not null,
    -- whoever began to answer it; nobody else can go on
    account text references accounts (id),
    organization text references organizations (slug),
    -- the last page that was answered, 0 to 5; 5 is the end
    answered integer not null default 0,
    -- SHA-256 of the code that was given for it
    code text unique,
    code_expires_at integer,
    code_used integer not null default 0
) without rowid;

-- authorizations of OAuth apps for claimed projects
create table authorizations (
    -- SHA-256 of the refresh token
    refresh_token text primary key,
    client_id text not null,
    account text not null references accounts (id),
    ref text not null references projects (ref),
    -- the claim that it came from
    claim text not null
) without rowid;

create table access_tokens (
    -- SHA-256
    digest text primary key,
    refresh_token text not null references authorizations (refresh_token) on delete cascade,
    expires_at integer not null
) without rowid;
