-- ALTER TABLE over hot and cold rows, and DROP TABLE.
create table a (id int primary key, x int, y text);
insert into a values (1, 10, 'one'), (2, 20, 'two');
-- flush point
alter table a add column z int;
alter table a add column w text default 'new';
alter table a add column if not exists w text;
alter table a add column w text;
insert into a values (3, 30, 'three', 300, 'given');
select * from a order by id;
-- flush point
alter table a rename column x to renamed;
select id, renamed from a where renamed > 10 order by id;
select x from a;
alter table a drop column y;
select * from a order by id;
alter table a add column y int;
insert into a (id, y) values (4, 44);
select id, y from a order by id;
-- restart point
select * from a order by id;
alter table a alter column z set default 7;
insert into a (id) values (5) returning *;
alter table a alter column z drop default;
insert into a (id) values (6) returning *;
alter table a alter column z set not null;
update a set z = 0 where z is null;
alter table a alter column z set not null;
insert into a (id) values (7);
alter table a alter column z drop not null;
insert into a (id) values (7) returning id, z;
alter table a rename to b;
select count(*) as n from b;
select count(*) as n from a;
alter table if exists a add column q int;
alter table a add column q int;
alter table b drop column nope;
alter table b drop column if exists nope;
alter table b rename column nope to q;
alter table b rename column w to id;
alter table b add column k int not null;
alter table b add column k int not null default 5;
select id, k from b order by id;
alter table b add column g int generated always as (id * 2) stored;
select id, g from b order by id;
-- flush point
update b set w = 'changed', k = k + id where id <= 2;
select * from b order by id;
create table other (id int);
alter table other rename to b;
drop table other, nope;
drop table if exists nope, other;
drop table b;
create table b (id int);
select * from b;
drop table b;
