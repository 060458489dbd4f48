-- whether the platform has said that it does not keep a point's history any more; the point's migration counts on
alter table points add column expired integer not null default 0;
