-- lines of every project and branch, as they come
create table lines (
    seq integer primary key,
    ref text not null,
    -- microseconds since the Unix epoch
    at integer not null,
    source text not null,
    id text not null,
    severity text not null,
    message text not null,
    -- a JSON object of strings
    attributes text not null,
    -- what the line counts for retention
    bytes integer not null
);

create index lines_by_time on lines (ref, at);

-- how far the file of a cluster's server has been read
create table tails (
    ref text not null,
    cluster text not null,
    -- the file's number, because a file that has grown is set aside
    inode integer not null,
    offset integer not null,
    primary key (ref, cluster)
);
