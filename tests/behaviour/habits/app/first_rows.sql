insert into lists (title) values ('Groceries'), ('Work');
insert into todos (list_id, title, done) values (1, 'Milk', false), (1, 'Bread', true), (2, 'Write report', false);
