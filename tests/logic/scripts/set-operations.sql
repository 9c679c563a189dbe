-- UNION, INTERSECT, EXCEPT, and ORDER BY, LIMIT, DISTINCT over them.
create table p (a int, b text);
create table q (a int, b text);
insert into p values (1, 'x'), (2, 'y'), (2, 'y'), (null, 'n');
insert into q values (2, 'y'), (3, 'z');
-- flush point
insert into p values (4, null);
insert into q values (null, 'n'), (4, null), (2, 'y');
-- flush point
-- restart point
select a, b from p union select a, b from q order by a, b;
select a, b from p union all select a, b from q order by a, b;
select a, b from p intersect select a, b from q order by a, b;
select a, b from p intersect all select a, b from q order by a, b;
select a, b from p except select a, b from q order by a, b;
select a, b from p except all select a, b from q order by a, b;
select a from p union select 2.5 order by 1;
select a from p union (select a from q intersect select 3) order by a;
(select a from p order by a limit 1) union all (select a from q order by a desc nulls last limit 1) order by a;
select a from p union select a from q order by a desc nulls last limit 2 offset 1;
select count(*) as n from (select a from p union select a from q) as u;
values (1, 'one'), (2, 'two') union all values (3, 'three') order by 1;
select 'a' as k, 1 as v union all select 'b', null order by k;
select a, b from p union select a from q;
select a from p union select b from q;
select a from p union select a from q order by b;
-- ORDER BY, LIMIT, OFFSET, DISTINCT
select distinct a, b from p order by a, b;
select distinct on (a) a, b from (select * from p union all select * from q) u order by a, b desc nulls last;
select a, b from p order by b desc, a;
select a, b from p order by b desc nulls last, a;
select a, b from p order by 2 nulls first, 1;
select a * -1 as neg from p order by neg nulls first;
select a from p order by a using > limit 3;
select a from p order by -a, b limit 2 offset 1;
select a from q order by a nulls first fetch first 2 rows only;
select a from q order by a fetch first 2 rows with ties;
select a from q order by a limit null;
select a from q order by a limit all offset 3;
select a from q order by a limit 0;
select a from q order by a offset 100;
select a from q limit -1;
select a from q offset -1;
select a from q order by a limit (select count(*) - 3 from q);
select a from q order by 3;
select distinct a from p order by b;
select distinct on (a) a from p order by b;
select b from p order by b collate "C" desc nulls last;
select a, b from p order by case when a = 2 then 0 else 1 end, a, b;
select a from q order by a limit 'x';
drop table p, q;
