-- Views over both kinds of table.
-- oracle: create table post (id int primary key, author text, body text, likes int default 0);
create user table post (id int primary key, author text, body text, likes int default 0);
create table author (name text primary key, country text);
insert into author values ('ann', 'IT'), ('bob', 'NO');
insert into post values (1, 'ann', 'first', 3), (2, 'bob', 'second', 5);
-- flush point
create view popular as select id, author, likes from post where likes >= 3;
create view stats (who, n, total) as select author, count(*), sum(likes) from post group by author;
create view joined as select p.id, p.body, a.country from post p join author a on a.name = p.author;
create or replace view popular as select id, author, likes, upper(body) as loud from post where likes >= 3;
insert into post values (3, 'ann', 'third', 1), (4, 'cid', 'fourth', 9);
-- flush point
-- restart point
select * from popular order by id;
select * from stats order by who;
select * from joined order by id;
select s.who, a.country from stats s left join author a on a.name = s.who order by s.who;
select count(*) as n from popular where author = 'ann';
create view nested as select * from popular where likes > 4;
select * from nested order by id;
update post set likes = 10 where id = 3;
select id, likes from nested order by id;
insert into popular (id, author, likes) values (5, 'dee', 4) returning id, author;
update popular set likes = likes + 1 where author = 'dee' returning id, likes;
delete from popular where id = 5;
update popular set loud = 'x' where id = 1;
insert into stats values ('x', 1, 1);
drop table post;
drop view popular;
drop view popular cascade;
select * from nested;
create view bad as select nope from post;
create view stats as select 1 as x;
create or replace view stats as select 1 as x;
drop view nope;
drop view if exists nope;
drop table stats;
create view v1 as select 1 as a, 'x'::text as b;
select * from v1;
drop table post, author cascade;
drop view v1;
