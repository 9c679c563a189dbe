-- Constraints: SQLSTATE, message, detail and names; a failed statement changes nothing.
create table c (id int constraint c_id_key primary key, email text not null unique, age int check (age >= 0), lo int, hi int, constraint range_ok check (lo < hi), unique (lo, hi));
insert into c values (1, 'a@x', 10, 1, 2), (2, 'b@x', 0, null, null);
-- flush point
insert into c values (3, 'c@x', null, 3, 4);
-- flush point
insert into c values (1, 'd@x', 1, 5, 6);
insert into c values (4, 'a@x', 1, 5, 6);
insert into c values (4, null, 1, 5, 6);
insert into c values (4, 'd@x', -1, 5, 6);
insert into c values (4, 'd@x', 1, 6, 5);
insert into c values (4, 'd@x', 1, 1, 2);
insert into c values (4, 'd@x', 1, 5, 6), (5, 'd@x', 1, 7, 8);
insert into c (email) values ('e@x');
insert into c values (5, 'e@x', 1, null, null), (6, 'f@x', 1, null, null);
update c set email = 'a@x' where id = 2;
update c set email = null where id = 2;
update c set age = -5 where id = 1;
update c set id = 1 where id = 3;
update c set lo = 9 where id = 1;
update c set id = id where id = 1;
-- restart point
select * from c order by id;
insert into c values (1, 'zz@x', 1, 50, 60) on conflict (email) do nothing;
insert into c values (9, 'a@x', 1, 50, 60) on conflict (email) do update set age = 11 returning id, email, age;
create table composite (a int, b text, c int, primary key (a, b));
insert into composite values (1, 'x', 1), (1, 'y', 2), (2, 'x', 3);
insert into composite values (1, 'x', 4);
insert into composite values (1, null, 4);
insert into composite values (null, 'x', 4);
select * from composite where a = 1 order by b;
select * from composite where a = 1 and b = 'y';
select * from composite where (a, b) > (1, 'x') order by a, b;
update composite set c = c * 10 where a = 1 and b = 'x';
delete from composite where a = 2;
table composite order by a, b;
create table nokey (a int, b text);
insert into nokey values (1, 'x'), (1, 'x'), (null, null);
-- flush point
insert into nokey values (1, 'x');
select a, b, count(*) as n from nokey group by a, b order by a;
delete from nokey where a = 1;
select * from nokey;
create table bad (a int primary key, b int primary key);
create table bad (a int, a text);
create table bad (a int, check (b > 0));
create table bad (a nope);
create table c (x int);
create table if not exists c (x int);
create table ud (a int unique nulls not distinct);
insert into ud values (null);
insert into ud values (null);
create table expr_check (a int, b int, constraint total check (a + b = 10 and a <> b));
insert into expr_check values (4, 6), (null, 3);
insert into expr_check values (5, 5);
select * from expr_check order by b;
drop table c, composite, nokey, ud, expr_check;
