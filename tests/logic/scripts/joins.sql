-- Joins of a user table, a shared table and a table without a key.
-- oracle: create table emp (id int primary key, name text not null, dept int, boss int, salary numeric(8,2), hired date);
create user table emp (id int primary key, name text not null, dept int, boss int, salary numeric(8,2), hired date);
create table dept (id int primary key, name text, city text);
create table visit (emp int, at date, n int);
insert into dept values (1, 'eng', 'Rome'), (2, 'ops', 'Oslo'), (3, 'hr', null);
insert into emp values (1, 'Ann', 1, null, 5000, '2015-01-01'), (2, 'Bob', 1, 1, 4000, '2016-02-02'), (3, 'Cid', 2, 1, 3000, '2017-03-03');
insert into visit values (1, '2024-01-01', 2), (1, '2024-01-02', 3), (2, '2024-01-01', 1);
-- flush point
insert into emp values (4, 'Dee', 2, 3, 3500, '2018-04-04'), (5, 'Eve', null, 2, 4500, null), (6, 'Fay', 9, 3, 2500, '2019-05-05');
insert into visit values (4, '2024-01-03', 5), (null, '2024-01-04', 7), (42, '2024-01-05', 9);
-- flush point
-- restart point
select e.name, d.name as dept from emp e join dept d on d.id = e.dept order by e.id;
select e.name, d.name as dept from emp e left join dept d on d.id = e.dept order by e.id;
select e.name, d.name as dept from emp e right join dept d on d.id = e.dept order by d.id, e.id;
select e.name, d.name as dept from emp e full join dept d on d.id = e.dept order by e.id nulls last, d.id;
select e.name, d.name as dept from emp e cross join dept d where e.id < 3 order by e.id, d.id;
select e.name, b.name as boss, bb.name as grandboss from emp e left join emp b on b.id = e.boss left join emp bb on bb.id = b.boss order by e.id;
select d.name, count(e.id) as n, sum(e.salary) as total, max(e.hired) as last from dept d left join emp e on e.dept = d.id group by d.id, d.name order by d.id;
select e.name, v.at, v.n from emp e join visit v on v.emp = e.id and v.n > 1 order by e.id, v.at;
select e.name, v.n from emp e left join visit v on v.emp = e.id and v.at > '2024-01-01' order by e.id, v.n;
select name, city from emp join dept using (name) order by 1;
select id, e.name, d.name from emp e join dept d using (id) order by id;
select * from dept natural join (values (1, 'one'), (2, 'two')) as x (id, word) order by id;
select a.name, b.name from emp a join emp b on a.salary > b.salary and a.dept = b.dept order by a.id, b.id;
select e.name, x.at, x.n from emp e, lateral (select at, n from visit v where v.emp = e.id order by n desc limit 1) as x order by e.id;
select e.name, x.n from emp e left join lateral (select sum(n) as n from visit v where v.emp = e.id) as x on true order by e.id;
select e.name, d.city, v.n from emp e left join dept d on d.id = e.dept left join visit v on v.emp = e.id where coalesce(v.n, 0) < 3 order by e.id, v.n;
select d.name from dept d where not exists (select 1 from emp e where e.dept = d.id) order by 1;
select e.name from emp e left join dept d on d.id = e.dept where d.id is null order by 1;
select e.name, d.name from emp e join dept d on e.dept between d.id and d.id + 1 order by e.id, d.id;
select count(*) as n from emp a, emp b, dept c;
select e.* from emp e join dept d on d.id = e.dept and d.city = 'Oslo' order by e.id;
select d.*, e.name as who from dept d join emp e on e.dept = d.id where e.salary = (select max(salary) from emp m where m.dept = d.id) order by d.id;
select e.name, d.name from emp e join dept d on d.id = e.dept and (e.salary > 3000 or d.city is null) order by e.id;
select x.a, y.b from (values (1), (2), (null)) as x (a) full join (values (2), (3), (null)) as y (b) on x.a = y.b order by 1, 2;
select e.name from emp e join nope n on true;
select name from emp join dept on true;
select e.nope from emp e;
select emp.name from emp e;
drop table emp, dept, visit;
