-- the place and hash of the journal's last entry
create table journal_head (
    one integer primary key check (one = 1),
    seq integer not null,
    hash text not null
);
insert into journal_head (one, seq, hash)
select 1, seq, hash from journal order by seq desc limit 1;
