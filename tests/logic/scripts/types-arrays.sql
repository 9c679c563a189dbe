-- Arrays: columns, subscripts, operators, functions.
create table a (id int primary key, i int[], t text[], m int[][], ts timestamp[], x numeric(5,1)[]);
insert into a values (1, '{}', '{}', '{}', '{}', '{}');
insert into a values (2, '{1,2,3}', '{a,"b c",NULL,"NULL","q\"x","back\\\\slash",""}', '{{1,2},{3,4}}', '{"2024-01-01 00:00:00"}', '{1.25,2.35}');
-- flush point
insert into a values (3, array[3, null, 1], array['x', 'y'], array[[1], [2]], null, array[1, 2.5]);
insert into a values (4, '[2:4]={7,8,9}', null, null, null, null);
-- flush point
-- restart point
select * from a order by id;
select id, i[1] as i1, i[2] as i2, i[2:3] as s, m[1][2] as m12, m[2][1] as m21, t[9] as none from a order by id;
select id, cardinality(i) as c, array_length(i, 1) as l, array_ndims(m) as nd, array_dims(m) as dims, array_lower(i, 1) as lo, array_upper(i, 1) as up from a order by id;
select id from a where 2 = any (i) order by id;
select id from a where i @> array[3, 1] order by id;
select id from a where i && array[1, 9] order by id;
select id from a where i = '{1,2,3}';
select id from a where 5 > all (i) order by id;
select id, i from a order by i, id;
select id, i || 10 as app, 0 || i as pre, i || array[5, 6] as cat, array_append(t, 'z') as t from a order by id;
select id, array_remove(i, 3) as r, array_replace(i, 1, 100) as p, array_position(i, 3) as pos, array_to_string(t, ',', '*') as s from a order by id;
select id, u from a, unnest(i) with ordinality as x(u, n) order by id, n;
select array_agg(id order by id desc) as ids, array_agg(i[1] order by id) filter (where i[1] is not null) as firsts from a;
select array(select id from a order by id) as ids, string_to_array('a,b,,c', ',') as s, array[1, 2] || null::int[] as n;
select array[1, 2] = array[1, 2] as eq, array[1, 2] < array[1, 3] as lt, array[1, null] = array[1, null] as nn, '{1,2}'::int[] <@ '{1,2,3}' as sub;
-- left out
update a set i[2] = 20 where id = 2;
select i from a where id = 2;
update a set i = array_append(i, 4), t = '{}' where id = 3;
select i, t from a where id = 3;
insert into a (id, i) values (5, '{1,2');
insert into a (id, i) values (5, '{1,x}');
insert into a (id, m) values (5, '{{1,2},{3}}');
drop table a;
