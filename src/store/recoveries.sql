-- recoveries of production under way: written before the platform is told, removed after the last look
create table recoveries (
    project text primary key,
    -- seconds since 1970: what was committed later goes
    target integer not null,
    -- the first eight digits of the name of production's log file before; another one says that it was restored
    timeline text,
    -- production's ledger before, as a JSON array of versions; null where it could not be read
    before text,
    undo_point text,
    -- the latest moment that could be returned to when it began, by the platform's clock; seconds since 1970
    latest integer not null,
    -- seconds since 1970
    started_at integer not null
) without rowid;
