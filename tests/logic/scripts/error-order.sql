-- Of several rows that are wrong the first is told, by whatever it is wrong in.
create table r (id int primary key);
insert into r values (1), (2);
create table t (id int primary key, u int unique, a int not null, c int check (c > 0), v varchar(4), r int references r, g int generated always as (12 / a) stored);
insert into t values (1, 1, 1, 1, 'a', 1), (2, 2, 2, 2, 'b', 2);
insert into t values (1, 5, 1, 1, 'x'), (5, 5, null, 1, 'x');
insert into t values (5, 5, null, 1, 'x'), (1, 5, 1, 1, 'x');
insert into t values (5, 1, 1, 1, 'x'), (1, 5, 1, -1, 'x');
insert into t values (5, 5, 0, 1, 'x'), (1, 5, 1, 1, 'x');
insert into t values (2, 5, 1, 1, 'x'), (6, 6, 0, 1, 'x');
insert into t values (5, 5, 1, 1, 'x', 9), (6, 6, 1, -1, 'x', 1);
insert into t values (1, 5, 1, 1, 'x'), (6, 6, 1, 1, 'too long');
insert into t select x, x, 6 / y, 1 from (values (1, 1), (7, 0)) s (x, y);
insert into t select x, x, 6 / y, 1 from (values (7, 0), (1, 1)) s (x, y);
insert into t values (7, 7, 1, 3, 'x'), (1, 8, 1, 1, 'x') returning 1 / (c - 3);
insert into t values (1, 8, 1, 1, 'x'), (7, 7, 1, 3, 'x') returning 1 / (c - 3);
insert into t values (1, 8, 1, 1, 'x'), (7, 7, null, 1, 'x') on conflict (id) do update set c = -1;
insert into t values (1, 8, 1, 1, 'x'), (7, 7, null, 1, 'x') on conflict (id) do nothing;
-- flush point
-- The key that arbitrates is looked at before the others.
insert into t values (1, 1, 1, 5, 'x') on conflict (u) do nothing;
insert into t values (2, 1, 1, 5, 'x') on conflict (u) do update set c = t.c + 10 returning id, c;
insert into t values (2, 7, 1, 5, 'x') on conflict (u) do nothing;
insert into t values (9, 2, 1, 5, 'x') on conflict (id) do nothing;
select id, u, c from t order by id;
update t set u = u + 1, c = c - 2 where id = 2;
create view w as select * from t where c < 50 with check option;
insert into w values (1, 9, 1, 60, 'x');
insert into w values (9, 9, 1, 60, 'x');
insert into w values (1, 9, 1, 60, 'x') on conflict do nothing;
update w set c = 60, u = 1 where id = 2;
-- restart point
-- Constants that fail do so while the statement is planned.
create table e (id int, v varchar(3));
select 1 / 0 from e;
select id from e where id = 1 / 0;
select id from e where false and 1 / 0 = 1;
select id from e where 1 / 0 = 1 or true;
select case when id > 0 then 1 / 0 else 1 end from e;
select coalesce(1, 1 / 0) from t order by 1;
select coalesce(id, 1 / 0) from t;
select case when false then 1 / 0 else 1 end as c from e;
insert into e select 'x'::text::int from e;
insert into e select 1, 'too' || 'long' from e;
insert into e values (1, 'ok'), (2, 'long');
update e set v = 'long';
delete from e where id = 1 / 0;
select id from e limit 1 / 0;
select count(*) as c from (select 1 / 0 as f from t) x;
select exists (select 1 / 0 from t) as e;
select id from (select id, 10 / (id - 1) as f from t) x order by id;
prepare p (int) as select 1 / $1 from e;
execute p (1);
execute p (0);
explain (costs off) select 1 / 0 from e;
