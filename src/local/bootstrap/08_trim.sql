-- Makes the template small: every cluster of every project starts as a copy of it.
-- Each statement must be sent on its own, outside a transaction (drop database and vacuum refuse one): one simple
-- query a statement, never the file as one string. No other session may be connected. Then stop the server with
-- SIGINT: the shutdown checkpoint removes the files that the rewrite left behind.

-- Nothing creates a database here (postgres is NOCREATEDB), and each of the two weighs as much as our own.
alter database template1 with is_template false;
drop database template1;
alter database template0 with is_template false;
drop database template0;

-- Rewrites every catalogue without the space that bootstrap left, and frozen: no copy ever has to freeze it again.
-- (Rewriting also removes the free-space and visibility maps: fewer files to copy.)
vacuum (full, freeze, analyze);

checkpoint;
