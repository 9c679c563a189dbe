-- generate_series, unnest, VALUES, and set-returning functions in the select list.
select g from generate_series(1, 5) as g;
select g from generate_series(10, 1, -4) as g;
select g from generate_series(1, 0) as g;
select g from generate_series(0.5, 2, 0.5) as g;
select g from generate_series(timestamp '2024-01-30', timestamp '2024-02-02', interval '1 day') as g;
select g from generate_series(date '2024-01-01', date '2024-03-01', interval '1 month') as g;
select generate_series(1, 3) as a, generate_series(1, 2) as b;
select * from unnest(array[1, 2], array['a', 'b', 'c']) as u (n, t);
select * from unnest(array['x', 'y', null]) with ordinality as u (v, pos) order by pos desc;
select * from (values (1, 'a'), (2, null), (3, 'c')) as v (id, t) where t is not null order by id;
select v.*, v.id * 2 as twice from (values (1), (2)) as v (id) order by id;
values (1, 'x'), (2, 'y'), (3, null);
values (1), ('x');
create table r (id int primary key, n int, tags text[]);
insert into r values (1, 2, '{a,b}'), (2, 0, '{}');
-- flush point
insert into r values (3, 3, '{c}'), (4, null, null);
-- flush point
-- restart point
select id, g from r, generate_series(1, n) as g order by id, g;
select id, g from r left join lateral generate_series(1, n) as g on true order by id, g;
select id, t from r cross join unnest(tags) as t order by id, t;
select id, unnest(tags) as t from r order by id, t;
select id, generate_series(1, n) as g from r order by id, g;
select id, (select string_agg(t, '+' order by t) from unnest(tags) t) as j from r order by id;
select count(*) as n, sum(g) as s from generate_series(1, 1000) as g;
select g % 3 as k, count(*) as n from generate_series(1, 10) as g group by 1 order by 1;
select r.id, g from generate_series(1, 4) as g left join r on r.id = g and r.n > 1 order by g;
select d::date from generate_series('2024-02-27'::timestamp, '2024-03-01', '1 day') as d order by 1;
select generate_series(1, 5, 0);
select * from rows from (generate_series(1, 2), generate_series(1, 3)) as x (a, b) order by b;
select row_number() over (order by g desc) as rn, g from generate_series(1, 3) as g order by g;
select regexp_split_to_table('a b c', ' ') as w order by w desc;
select * from json_to_recordset('[{"a":1,"b":"x"},{"a":2}]') as x (a int, b text) order by a;
drop table r;
