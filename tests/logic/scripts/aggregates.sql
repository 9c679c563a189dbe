-- Aggregates with DISTINCT, ORDER BY, FILTER; ordered-set ones; over nothing.
create table g (id int primary key, k text, i int, n numeric(10,3), f double precision, b boolean, t text, j jsonb, d interval);
insert into g values (1, 'a', 1, 1.5, 1.5, true, 'one', '{"x": 1}', '1 day'), (2, 'a', 2, 2.25, 2.25, false, 'two', '{"y": 2}', '2 hours'), (3, 'a', 2, null, 4, null, null, null, null);
-- flush point
insert into g values (4, 'b', null, null, null, null, null, null, null), (5, 'b', 7, 7.125, 0.5, true, 'five', '[5]', '1 month'), (6, 'c', -3, -3, -3, true, 'six', '6', '-1 day');
-- flush point
-- restart point
select count(*) as a, count(i) as b, count(distinct i) as c, sum(i) as d, avg(i) as e, min(i) as f, max(i) as g from g;
select sum(n) as s, avg(n) as a, min(n) as mn, max(n) as mx, sum(distinct n) as sd from g;
select sum(f) as s, avg(f) as a, min(f) as mn, max(f) as mx from g where k <> 'c';
select variance(n) as v, stddev(n) as s, var_pop(i) as vp, stddev_pop(i) as sp from g where k = 'a';
select corr(i, f) as c, covar_pop(i, f) as cp, regr_slope(i, f) as rs from g where k = 'a';
select bool_and(b) as ba, bool_or(b) as bo, every(b) as ev, bit_and(i) as bia, bit_or(i) as bio, bit_xor(i) as bx from g where k = 'a';
select string_agg(t, ', ' order by id) as s, string_agg(distinct k, '' order by k desc) as d from g;
select array_agg(i order by i nulls first, id) as a, array_agg(distinct i order by i) as d, array_agg(t order by id) filter (where t is not null) as f from g;
select k, count(*) filter (where i > 1) as c, sum(i) filter (where b) as s from g group by k order by k;
select json_agg(i order by id) as j, jsonb_agg(t order by id) as jb, jsonb_object_agg(id, k order by id) as o from g;
select sum(d) as s, avg(d) as a, min(d) as mn, max(d) as mx from g;
select min(t) as mn, max(t) as mx, min(k) as k from g;
select percentile_cont(0.5) within group (order by i) as c, percentile_disc(0.5) within group (order by i) as d, mode() within group (order by i) as m from g;
select percentile_cont(array[0.25, 0.75]) within group (order by f) as p, rank(2) within group (order by i) as r from g;
select count(*) as c, sum(i) as s, avg(n) as a, min(t) as m, array_agg(i) as arr, bool_and(b) as b from g where id > 100;
select k, any_value(k) as a, count(distinct b) as b from g group by k order by k;
select sum(i::bigint) as big, sum(i::smallint) as small, sum(f::real) as r, avg(i::bigint) as ab from g where k = 'a';
select max(id) - min(id) + count(*) as x, round(avg(n), 2) as r, coalesce(sum(i) filter (where k = 'z'), 0) as z from g;
select range_agg(int4range(id, id + 1)) as r from g where id < 4;
select sum(i) as s from g group by k order by k;
select sum(9223372036854775807) as s from g;
select sum(t) from g;
select avg(distinct f) as a, count(distinct t) as c from g;
select k, sum(i * n) as dot, sum(case when b then 1 else 0 end) as yes from g group by k order by k;
select xmlagg from g;
select count(i, n) from g;
select sum(sum(i)) from g;
drop table g;
