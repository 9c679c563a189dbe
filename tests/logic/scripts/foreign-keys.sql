-- Foreign keys: checks, actions, texts; in both tiers.
create table p (id int primary key, u int unique, t text);
create table c (id int primary key, a int references p, b int);
insert into c values (1, 9, 0);
insert into p values (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three'), (4, null, 'four');
insert into c values (1, 1, 0), (2, 2, 0), (3, null, 0), (4, 2, 1);
-- flush point
insert into c values (5, 7, 0);
insert into c values (6, 1, 0), (7, 8, 0);
insert into c values (5, 3, 0);
update c set a = 77 where id = 1;
update c set a = 3 where id = 4;
update c set a = null where id = 5;
update c set b = 5 where id = 1;
delete from p where id = 1;
delete from p where id = 4;
update p set id = 40 where id = 2;
update p set t = 'changed' where id = 2;
-- flush point
update p set id = 2 where id = 2;
delete from c where a = 1;
delete from p where id = 1;
insert into c values (8, 1, 0);
select id, t from p order by id;
select id, a, b from c order by id;
-- a delete of both in either order
delete from p where id = 3;
delete from c;
delete from p;
-- restart point
insert into c values (1, 1, 1);
insert into p values (1, 10, 'again');
insert into c values (1, 1, 1);
-- a unique key that is not the primary one
create table cu (u int references p (u) on delete cascade on update cascade, n text);
insert into cu values (11, 'x');
insert into cu values (10, 'x'), (10, 'y'), (null, 'z');
-- flush point
update p set u = 11 where u = 10;
select u, n from cu order by n;
update p set u = null where u = 11;
select u, n from cu order by n;
insert into p values (2, 20, 'b');
insert into cu values (20, 'w');
delete from p where id = 2;
select u, n from cu order by n;
drop table cu;
drop table c;
truncate p;
-- RESTRICT
create table r (a int constraint r_to_p references p on delete restrict on update restrict);
insert into p values (1, 1, 'a'), (2, 2, 'b');
insert into r values (1);
-- flush point
delete from p where id = 1;
update p set id = 5 where id = 1;
update p set id = 6 where id = 2;
select id from p order by id;
drop table r;
truncate p;
-- SET NULL, SET DEFAULT, CASCADE
create table n (id int, a int references p on delete set null on update set null);
create table d (id int, a int default 1 references p on delete set default on update set default);
create table k (id int primary key, a int references p on delete cascade on update cascade);
insert into p values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
insert into n values (1, 1), (2, 2), (3, 2), (4, 3);
insert into d values (1, 1), (2, 2), (3, 2), (4, 3);
insert into k values (1, 1), (2, 2), (3, 2), (4, 3);
-- flush point
update p set id = 20 where id = 2;
select id, a from n order by id;
select id, a from d order by id;
select id, a from k order by id;
delete from p where id = 20;
select id, a from k order by id;
-- flush point
delete from p where id = 3;
select id, a from n order by id;
select id, a from d order by id;
select id, a from k order by id;
-- the default is what goes
delete from p where id = 1;
delete from d;
delete from p where id = 1;
select id, a from n order by id;
select id, a from k order by id;
drop table n, d, k;
-- SET NULL of some columns; composite keys
create table pc (a int, b int, x text, primary key (a, b));
create table cc (id int primary key, a int, b int, foreign key (b, a) references pc (b, a) on delete set null (b) on update cascade);
create table cf (id int primary key, a int, b int, foreign key (a, b) references pc match full on delete set null);
insert into pc values (1, 1, 'x'), (1, 2, 'y'), (2, 1, 'z');
insert into cc values (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 9, null), (5, null, null);
insert into cf values (1, 1, 1), (2, 1, 2), (3, null, null);
insert into cf values (4, 1, null);
insert into cf values (4, null, 1);
insert into cf values (4, 2, 2);
insert into cc values (6, 2, 2);
update cf set b = null where id = 1;
-- flush point
update pc set b = 3 where a = 1 and b = 2;
delete from cf where id = 2;
update pc set b = 3 where a = 1 and b = 2;
select id, a, b from cc order by id;
delete from pc where a = 1 and b = 1;
select id, a, b from cc order by id;
select id, a, b from cf order by id;
drop table cc, cf, pc;
-- rows that refer to their own table
create table tree (id int primary key, up int references tree on delete cascade on update cascade, n text);
insert into tree values (1, 2, 'a');
insert into tree values (1, 1, 'root');
insert into tree values (2, 1, 'b'), (3, 4, 'c'), (4, 2, 'd'), (5, null, 'e');
-- flush point
insert into tree values (6, 5, 'f');
update tree set id = 20 where id = 2;
select id, up, n from tree order by id;
delete from tree where id = 20;
select id, up, n from tree order by id;
delete from tree where id = 5;
select id, up, n from tree order by id;
delete from tree;
select count(*) from tree;
insert into tree select g, case when g > 1 then g - 1 end, 'n' || g from generate_series(1, 50) g;
-- flush point
delete from tree where id = 1;
select count(*) from tree;
drop table tree;
-- two tables that refer to each other
create table e (id int primary key, f int);
create table f (id int primary key, e int references e on delete cascade);
alter table e add foreign key (f) references f on delete cascade;
insert into e values (1, null);
insert into f values (1, 1);
update e set f = 1 where id = 1;
-- flush point
delete from e where id = 1;
select count(*) from f;
drop table e;
drop table e, f;
-- a cascade that meets constraints
create table m (id int primary key, a int not null check (a < 10) references p on delete set null on update cascade);
insert into p values (1, 1, 'a'), (2, 2, 'b');
insert into m values (1, 1);
delete from p where id = 1;
update p set id = 10 where id = 1;
update p set id = 5 where id = 1;
select id, a from m;
create table mu (a int unique references p on update cascade, g int generated always as (a * 2) stored);
insert into mu values (2), (5);
-- flush point
update p set id = 7 where id = 2;
select a, g from mu order by a;
drop table m, mu;
-- several steps
create table l1 (id int primary key, a int references p on delete cascade);
create table l2 (id int primary key, a int references l1 on delete cascade);
create table l3 (id int primary key, a int references l2);
insert into l1 values (1, 5), (2, 5), (3, 7);
insert into l2 values (1, 1), (2, 2), (3, 3);
insert into l3 values (1, 1);
-- flush point
delete from p where id = 5;
delete from p where id = 7;
select id from l1 order by id;
select id from l2 order by id;
delete from l3;
delete from p where id = 5 returning id, t;
select id from l1 order by id;
drop table l1, l2, l3;
truncate p;
-- different types
create table big (id bigint primary key);
create table small (a smallint references big on update cascade, i int);
insert into big values (1), (40000);
insert into small values (1, 1);
insert into small values (2, 1);
-- flush point
update big set id = 50000 where id = 1;
update big set id = 300 where id = 1;
select a from small;
alter table small add foreign key (i) references big;
drop table small, big;
create table tp (t text primary key);
create table tc (v varchar(10) references tp, n varchar references tp on delete cascade);
insert into tp values ('a'), ('b ');
insert into tc values ('a', 'b ');
insert into tc values ('b', null);
-- flush point
delete from tp where t = 'a';
delete from tp where t = 'b ';
select count(*) from tc;
create table np (n numeric primary key);
create table nc (n numeric references np on update cascade, i int references np);
insert into np values (1.0), (2), (2.5);
insert into nc values (1.00, 1), (2.50, 2), (null, null);
insert into nc values (1.01, null);
-- flush point
update np set n = 1.000 where n = 1;
select n, i from nc order by n;
delete from np where n = 2;
drop table nc, np, tc, tp;
-- ON CONFLICT and FROM
create table oc (id int primary key, a int references p);
insert into p values (1, 1, 'a'), (2, 2, 'b');
insert into oc values (1, 1);
insert into oc values (1, 9) on conflict do nothing;
insert into oc values (1, 9) on conflict (id) do update set a = excluded.a;
insert into oc values (1, 2) on conflict (id) do update set a = excluded.a returning id, a;
insert into p values (2, 2, 'c') on conflict (id) do update set id = 3;
insert into oc select g, 1 + g % 2 from generate_series(10, 400) g;
insert into oc select g, 1 + g % 3 from generate_series(500, 900) g;
-- flush point
select count(*), count(distinct a) from oc;
delete from p using oc where p.id = oc.a and p.id = 2;
drop table oc;
-- ALTER TABLE
create table al (id int primary key, a int);
insert into al values (1, 1), (2, 5), (3, null);
-- flush point
alter table al add constraint al_fk foreign key (a) references p;
alter table al add constraint al_fk foreign key (a) references p not valid;
insert into al values (4, 6);
update al set id = 20 where id = 2;
update al set a = 5 where id = 1;
alter table al validate constraint al_fk;
update al set a = 2 where id = 20;
alter table al validate constraint al_fk;
alter table al add column z int default 9 references p;
alter table al add column z int default 1 references p;
select id, a, z from al order by id;
-- flush point
delete from p where id = 1;
alter table al drop constraint al_z_fkey;
alter table al drop constraint al_fk;
delete from p where id = 1;
select id from p order by id;
-- restart point
alter table al add foreign key (a) references p (nothing);
alter table al add foreign key (a) references p (t);
alter table al add foreign key (a, z) references p (id);
alter table al add foreign key (a) references nothing;
create table mp (a int references p match partial);
create table ty (a timestamptz references p);
drop table al;
-- dropping and truncating what is referenced
create table dt (a int references p);
drop table p;
alter table p drop constraint p_pkey;
truncate p;
truncate p, dt;
insert into p values (1, 1, 'a');
insert into dt values (1);
truncate p cascade;
select count(*) from dt;
insert into dt values (1);
drop table p cascade;
insert into dt values (1);
select a from dt;
drop table dt;
-- names change
create table na (id int primary key);
create table nb (a int constraint first references na);
alter table nb rename constraint first to second;
alter table na rename to na2;
alter table nb rename column a to b;
alter table na2 rename column id to ident;
insert into nb values (1);
insert into na2 values (1);
insert into nb values (1);
-- flush point
delete from na2;
drop table nb, na2;
-- equal keys that look different
create table eq (n numeric primary key, u numeric unique);
create table eqc (n numeric references eq, u numeric references eq (u));
insert into eq values (1.0, 2.0);
-- flush point
insert into eqc values (1, 2), (1.00, 2.00), (1.000, 2.000);
insert into eqc select 1 + g * 0.00, null from generate_series(1, 3) g;
select count(*) from eqc;
drop table eqc, eq;
