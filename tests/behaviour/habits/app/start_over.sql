drop table if exists todos cascade;
drop table if exists lists cascade;
