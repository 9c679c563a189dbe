-- INSERT in all forms. The table is a user table in pgtide: its owner sees what anyone would.
-- oracle: create table t (id int primary key, a text default 'dflt', b int default 1 + 1, c timestamp default '2020-01-01');
create user table t (id int primary key, a text default 'dflt', b int default 1 + 1, c timestamp default '2020-01-01');
insert into t (id) values (1);
insert into t values (2, 'two', 22, '2022-02-02'), (3, 'three', null, default);
insert into t (b, id) values (40, 4), (50, 5);
-- flush point
insert into t (id, a) select id + 10, a || '!' from t where id < 3;
insert into t values (6, default, default, default) returning *;
insert into t (id, a) values (7, 'seven') returning id, upper(a) as up, b * 2 as twice;
insert into t default values;
insert into t values (1, 'dup');
insert into t values (20, 'x'), (2, 'dup'), (21, 'y');
select count(*) as n from t where id >= 20;
-- flush point
-- restart point
select * from t order by id;
insert into t values (1, 'ignored') on conflict do nothing;
insert into t values (1, 'ignored'), (30, 'new') on conflict (id) do nothing returning id;
insert into t values (1, 'upserted') on conflict (id) do update set a = excluded.a, b = t.b + 100 returning *;
insert into t values (2, 'only if', 0) on conflict (id) do update set a = excluded.a where t.b < 0;
insert into t (id, a) values (2, 'x'), (31, 'y') on conflict (id) do update set a = t.a || '+' || excluded.a;
insert into t (id, a) values (40, 'x'), (40, 'y') on conflict (id) do update set a = excluded.a;
insert into t (id, a) values (40, 'x'), (40, 'y') on conflict (id) do nothing;
insert into t values (1) on conflict (a) do nothing;
insert into t values (1) on conflict on constraint t_pkey do update set b = -1 returning id, b;
select id, a, b from t order by id;
-- flush point
insert into t (id, nope) values (50, 1);
insert into t (id, a, a) values (50, 'x', 'y');
insert into t values (50, 'a', 1, '2020-01-01', 5);
insert into t (id, a) values (50);
insert into t (id, b) values (50, 'text');
insert into nope values (1);
insert into t (id, b) values (50, (select max(b) from t)), (51, (select count(*) from t));
select id, b from t where id >= 50 order by id;
insert into t (id, a) select g, 'g' || g from generate_series(100, 104) as g;
insert into t (id, a) with w as (select 200 as id union all select 201) select id, 'cte' from w;
select id, a from t where id >= 100 order by id;
-- left out
with ins as (insert into t (id, a) values (300, 'c') returning id, a) select * from ins;
insert into t (id, a) values (301, 'x') returning (select count(*) from t where id = 300) as n;
table t order by id limit 3;
truncate t;
select count(*) as n from t;
insert into t (id) values (1);
select * from t;
-- oracle: drop table t;
drop user table t;
