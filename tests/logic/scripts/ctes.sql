-- WITH, plain and recursive.
create table node (id int primary key, parent int, name text, w int);
insert into node values (1, null, 'root', 1), (2, 1, 'a', 2), (3, 1, 'b', 3), (4, 2, 'aa', 4);
-- flush point
insert into node values (5, 2, 'ab', 5), (6, 5, 'aba', 6), (7, 3, 'ba', 7);
-- flush point
-- restart point
with big as (select * from node where w > 3) select id, name from big order by id;
with a as (select id, w from node), b as (select sum(w) as total from a) select a.id, a.w, b.total from a, b order by a.id;
with x (k, v) as (select parent, count(*) from node group by parent) select k, v from x order by k nulls first;
with recursive up as (select id, parent, name from node where id = 6 union all select n.id, n.parent, n.name from node n join up on up.parent = n.id) select id, name from up order by id;
with recursive down as (select id, name, 0 as depth, name as path from node where parent is null union all select n.id, n.name, d.depth + 1, d.path || '/' || n.name from node n join down d on n.parent = d.id) select depth, path from down order by path;
with recursive t (n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) as s, count(*) as c from t;
with recursive fib (a, b) as (select 0, 1 union all select b, a + b from fib where b < 100) select a from fib order by a, b;
with recursive r (n) as (select 1 union select n % 3 + 1 from r) select n from r order by n;
with recursive subtree as (select id, w from node where id = 2 union all select n.id, n.w from node n, subtree s where n.parent = s.id) select count(*) as n, sum(w) as total from subtree;
with m as materialized (select id from node where w % 2 = 0), nm as not materialized (select id from node where w > 2) select m.id from m join nm using (id) order by 1;
with a as (select 1 as x), b as (with c as (select x + 1 as y from a) select y from c) select * from a, b;
with t as (select id from node) select (select count(*) from t) as n, (select max(id) from t) as m;
with a as (select id from node where id < 3), b as (select id from node where id > 5) select id from a union all select id from b order by id;
with recursive s as (select id, parent, 1 as level from node where parent is null union all select n.id, n.parent, level + 1 from node n join s on n.parent = s.id) search depth first by id set ord select id, level from s order by ord;
with recursive g (a, b) as (select 1, 2 union all select b, case b when 2 then 3 else 1 end from g) cycle a set looped using path select a, b, looped from g order by path;
with unused as (select 1 / 0 as boom) select 1 as fine;
-- left out
with t as (update node set w = w + 100 where id = 7 returning id, w) select * from t;
select id, w from node where id = 7;
-- left out
with moved as (delete from node where id = 7 returning *) insert into node select id + 10, parent, name, w from moved returning id, name;
with a as (select 1) select * from b;
with recursive t as (select id from t) select * from t;
with t as (select 1 as x) select y from t;
drop table node;
