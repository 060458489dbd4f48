-- the database password that a project was asked for with, until its database is made
alter table runs add column db_pass text;
