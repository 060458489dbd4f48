-- runs of branch actions, over or not
create table actions (
    seq integer primary key,
    id text not null unique,
    -- the branch, and production of it
    ref text not null,
    parent text not null,
    -- the API's own description, as JSON
    run text not null
);

create index actions_by_ref on actions (ref);
create index actions_by_parent on actions (parent);
