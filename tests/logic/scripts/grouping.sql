-- GROUP BY, HAVING, grouping sets.
create table sale (id int primary key, region text, product text, amount int, at date);
insert into sale values (1, 'n', 'x', 10, '2024-01-01'), (2, 'n', 'y', 20, '2024-01-15'), (3, 's', 'x', 30, '2024-02-01');
-- flush point
insert into sale values (4, 's', 'y', null, '2024-02-15'), (5, null, 'x', 50, '2024-03-01'), (6, 'n', 'x', 60, null);
-- flush point
-- restart point
select region, count(*) as n, sum(amount) as s from sale group by region order by region;
select region, product, sum(amount) as s from sale group by region, product order by region, product;
select region, product, sum(amount) as s from sale group by rollup (region, product) order by region, product, s;
select region, product, sum(amount) as s, grouping(region, product) as gr from sale group by cube (region, product) order by gr, region, product;
select region, product, count(*) as n, grouping(region) as gr from sale group by grouping sets ((region), (product), ()) order by gr, region, product;
select date_trunc('month', at) as m, sum(amount) as s from sale group by 1 order by 1;
select region as r, count(*) as n from sale group by r having count(*) > 1 order by r;
select upper(region) as r, max(amount) - min(amount) as spread from sale group by upper(region) order by 1 nulls first;
select count(*) as n from sale having sum(amount) > 1000;
select count(*) as n, sum(amount) as s, min(region) as m from sale where false;
select region from sale where false group by region;
select id, region, count(*) as n from sale group by id order by id;
select amount / 20 as bucket, count(*) as n, array_agg(id order by id) as ids from sale group by bucket order by bucket nulls first;
select region, sum(amount) filter (where product = 'x') as x, sum(amount) filter (where product = 'y') as y from sale group by region order by region;
select distinct region from sale order by region;
select count(distinct region) as r, count(distinct product) as p, count(distinct (region, product)) as rp from sale;
select region, product from sale group by region;
select region, sum(count(*)) from sale group by region;
select sum(amount) from sale where sum(amount) > 1;
select region, count(*) as n from sale group by all order by region;
select region, case when sum(amount) > 50 then 'big' else 'small' end as size from sale group by region order by region;
select product, sum(amount) as s from sale group by product order by sum(amount) desc, product limit 1;
select (region is null) as nobody, count(*) as n from sale group by 1 order by 1;
drop table sale;
