alter database template0 is_template false;
alter database template1 is_template false;
drop database template0;
drop database template1;
checkpoint;
