-- claims that users were asked to make; their secrets stand in the vault, under 'claim:<digest>'
create table claims (
    -- SHA-256 of the state that comes back with the code
    digest text primary key,
    project text not null,
    redirect_uri text not null,
    -- waiting, exchanging, done, lost
    status text not null,
    -- milliseconds since the Unix epoch
    expires_at integer not null
) without rowid;
