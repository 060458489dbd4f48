-- a project's grants profile; its branches' is the same
alter table projects add column grants text not null default 'explicit';
