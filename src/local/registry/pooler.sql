-- how the pooler of a project or branch is set; null is the platform's choice
create table pooler (
    ref text primary key references projects (ref),
    default_pool_size integer,
    pool_mode text
);
