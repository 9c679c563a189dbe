-- Secondary and unique indexes, comments.
create table i (id int primary key, a int, b text, c int);
insert into i select g, g % 5, 'name ' || g, g * 10 from generate_series(1, 20) as g;
-- flush point
create index i_a on i (a);
create unique index i_c on i (c);
create index on i (b, a desc nulls last);
create index if not exists i_a on i (a);
create index i_a on i (b);
insert into i values (21, 1, 'late', 1000), (22, null, null, null), (23, null, null, null);
-- flush point
select id from i where a = 3 order by id;
select id from i where a in (1, 2) and id > 10 order by id;
select id from i where b = 'name 7';
select id from i where b > 'name 8' order by id;
select id from i where c between 50 and 90 order by id;
select id from i where a is null order by id;
insert into i values (30, 1, 'dup', 1000);
update i set c = 1000 where id = 1;
insert into i values (30, 1, 'x', 1000) on conflict (c) do update set b = 'conflict' returning id, b;
update i set a = 99 where a = 3;
-- restart point
select id from i where a = 99 order by id;
select count(*) as n from i where a = 3;
delete from i where a = 99;
select count(*) as n from i where a = 99;
select id, a from i where a < 2 order by a, id limit 4;
select a, count(*) as n from i group by a order by a;
select max(c) as m from i where a = 1;
create unique index i_dup on i (a);
create index i_nope on i (nope);
-- left out
create unique index i_expr on i (lower(b)) where a is not null;
drop index i_a;
select id from i where a = 4 order by id;
drop index i_a;
drop index if exists i_a;
comment on table i is 'a table of things';
comment on column i.b is 'the name';
select obj_description('i'::regclass) as t, col_description('i'::regclass, 3) as c;
comment on column i.nope is 'x';
drop table i;
