-- Sub-selects everywhere.
create table o (id int primary key, cust int, total numeric, at date);
-- oracle: create table l (order_id int, pos int, sku text, qty int, primary key (order_id, pos));
create user table l (order_id int, pos int, sku text, qty int, primary key (order_id, pos));
insert into o values (1, 10, 99.5, '2024-01-01'), (2, 11, 20, '2024-01-02'), (3, 10, 5.25, '2024-01-03');
insert into l values (1, 1, 'a', 2), (1, 2, 'b', 1), (2, 1, 'a', 5);
-- flush point
insert into o values (4, 12, null, '2024-02-01'), (5, null, 7, null);
insert into l values (2, 2, 'c', null), (3, 1, 'b', 7);
-- flush point
-- restart point
select id, (select count(*) from l where order_id = o.id) as lines from o order by id;
select id, (select sku from l where order_id = o.id order by pos limit 1) as first from o order by id;
select id from o where exists (select from l where order_id = o.id and qty > 4) order by id;
select id from o where not exists (select from l where order_id = o.id) order by id;
select id from o where id in (select order_id from l where sku = 'a') order by id;
select id from o where id not in (select order_id from l) order by id;
select id from o where cust not in (select cust from o where id > 3);
select id from o where total > (select avg(total) from o) order by id;
select id from o where total = any (select total from o where cust = 10) order by id;
select id from o where total >= all (select total from o where total is not null) order by id;
select id from o where (id, cust) in ((1, 10), (2, 99), (3, 10)) order by id;
select id from o where (cust, at) = (select cust, at from o where id = 2);
select * from (select cust, sum(total) as s from o group by cust) as t where s > 20 order by cust;
select t.cust, t.n from (select cust, count(*) as n from o group by cust having count(*) > 1) as t order by 1;
select id, total - (select min(total) from o) as above, (select max(qty) from l where order_id = o.id) as most from o order by id;
select id from o a where total = (select max(total) from o b where b.cust = a.cust) order by id;
select id, array(select sku from l where order_id = o.id order by pos) as skus from o order by id;
select sku, (select array_agg(distinct cust order by cust) from o join l x on x.order_id = o.id where x.sku = l.sku) as custs from l group by sku order by sku;
select (select 1 where false) as none, exists (select 1 where false) as ex, (select count(*) from o where false) as zero;
select (select id from o) as many;
select (select id, cust from o limit 1) as two;
select id from o where id = any (array[1, 3, 9]) order by id;
select id from o where id <> all (array[1, 3, 9]) order by id;
select id from o where id in (1, 3, null) order by id;
select id from o where id not in (1, 3, null) order by id;
select x.id, x.lines from (select o.id, count(l.pos) as lines from o left join l on l.order_id = o.id group by o.id) x order by x.lines desc, x.id;
select case when exists (select from l where qty is null) then 'some' else 'none' end as nulls;
select row(1, 'a') = row(1, 'a') as eq, row(1, null) is null as n, row(null, null) is null as nn, row(1, 2) < row(1, 3) as lt;
select id from o order by (select count(*) from l where order_id = o.id) desc, id;
select cust, count(*) as n from o group by cust having count(*) = (select max(c) from (select count(*) as c from o group by cust) q) order by cust;
drop table o, l;
