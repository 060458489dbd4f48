-- what the tokens of a project or branch are signed with
create table jwt_secrets (
    ref text primary key references projects (ref),
    secret text not null
);
