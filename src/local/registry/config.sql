-- what was set of a service's configuration; everything else is as the platform has it by default
create table config (
    ref text not null references projects (ref),
    service text not null,
    -- flat settings, as JSON
    settings text not null,
    primary key (ref, service)
);
