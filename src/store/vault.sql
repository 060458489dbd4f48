-- the vault: secrets of projects, each sealed under the key that key_id names
create table vault (
    -- a project's ref; 'create:…' while the platform has not named the project yet
    owner text not null,
    name text not null,
    key_id text not null,
    nonce blob not null,
    sealed blob not null,
    created_at text not null,
    -- what was asked for, while the platform has not named it
    project_name text,
    organization text,
    primary key (owner, name)
) without rowid;
