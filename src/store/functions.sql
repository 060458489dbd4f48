-- functions that were deployed on a branch and are not merged, with what production had of each then
create table function_work (
    branch_ref text not null,
    slug text not null,
    base text not null,
    primary key (branch_ref, slug)
);

-- functions that a rebase is about to overwrite: the whole deployment, as it travels
create table functions_aside (
    branch_ref text not null,
    slug text not null,
    content_type text not null,
    body blob not null,
    primary key (branch_ref, slug)
);

-- the functions that a merge deploys and those that it deletes, as JSON
alter table merges add column functions text not null default '[[],[]]';
