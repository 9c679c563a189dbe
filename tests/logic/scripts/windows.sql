-- Window functions and frames.
create table w (id int primary key, g text, v int, x numeric, d date);
insert into w values (1, 'a', 10, 1.5, '2024-01-01'), (2, 'a', 20, 2.5, '2024-01-02'), (3, 'a', 20, null, '2024-01-05'), (4, 'b', 5, 4.5, '2024-01-01');
-- flush point
insert into w values (5, 'b', null, 5.5, '2024-01-03'), (6, 'c', 7, 6.5, '2024-01-04'), (7, 'a', 40, 0, '2024-01-06'), (8, null, 1, 1, null);
-- flush point
-- restart point
select id, row_number() over (order by v desc nulls last, id) as rn from w order by id;
select id, g, rank() over (partition by g order by v) as r, dense_rank() over (partition by g order by v) as dr, percent_rank() over (partition by g order by v) as pr, cume_dist() over (partition by g order by v) as cd from w order by g nulls last, id;
select id, lag(v) over (order by id) as p, lead(v, 2, -1) over (order by id) as n2, first_value(v) over (order by id) as f, last_value(v) over (order by id) as l, nth_value(v, 2) over (order by id) as n from w order by id;
select id, g, sum(v) over (partition by g order by id) as run, sum(v) over (partition by g) as total, count(*) over () as n from w order by g nulls last, id;
select id, sum(v) over (order by id rows between 1 preceding and 1 following) as s3, avg(x) over (order by id rows 2 preceding) as a3 from w order by id;
select id, v, sum(v) over (order by v range between 5 preceding and 5 following) as r, count(*) over (order by v groups between 1 preceding and current row) as gr from w where v is not null order by v, id;
select id, d, count(*) over (order by d range between interval '1 day' preceding and current row) as n from w where d is not null order by d, id;
select id, sum(v) over (order by id rows between unbounded preceding and 1 preceding) as before, sum(v) over (order by id rows between 1 following and unbounded following) as after from w order by id;
select id, sum(v) over (order by id rows between unbounded preceding and unbounded following exclude current row) as others, min(v) over (order by v, id rows between current row and unbounded following exclude ties) as m from w order by id;
select id, ntile(3) over (order by id) as t, v - avg(v) over (partition by g) as off from w order by id;
select g, sum(v) as s, rank() over (order by sum(v) desc nulls last) as r, sum(sum(v)) over () as total from w group by g order by g nulls last;
select id, max(v) over win as m, min(v) over (win rows 1 preceding) as mn from w window win as (partition by g order by id) order by id;
select * from (select id, g, row_number() over (partition by g order by v desc nulls last, id) as rn from w) as t where rn = 1 order by id;
select id, count(*) filter (where v > 7) over (order by id) as n, string_agg(g, ',') over (order by id) as gs, array_agg(v) over (order by id rows 1 preceding) as vs from w order by id;
select distinct g, max(v) over (partition by g) as m from w order by g nulls last;
select id, v from w order by avg(v) over (partition by g) desc nulls last, id;
select id, bool_and(v > 5) over (partition by g) as b, sum(x) over (order by x, id) as s from w order by id;
select id, lag(v, 1) over (partition by g order by d) as prev, v - lag(v) over (partition by g order by d) as delta from w where g = 'a' order by d;
select row_number() over () as n;
select id from w where row_number() over () = 1;
select rank() from w;
select ntile(0) over () from w;
drop table w;
