-- the second since 1970 that a recovery returns to, and how many states its cluster had left before
alter table runs add column recover_to integer;
alter table runs add column left_before integer;
