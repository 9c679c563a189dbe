-- ALTER TABLE of user and stream tables over hot and cold rows. PostgreSQL has none, so the answers are written by hand.
-- tide: CREATE TABLE
create user table u (id int primary key, n int, note text);
-- tide: CREATE TABLE
create stream table s (id int, v text) with (ttl = '1 hour');
-- tide: INSERT 0 2
insert into s values (1, '10'), (2, '20');
-- tide: SET
set tide.user_id = 'ann';
-- tide: INSERT 0 3
insert into u values (1, 10, 'a1'), (2, 20, 'a2'), (3, 30, '33');
-- flush point
-- tide: SET
set tide.user_id = 'bob';
-- tide: INSERT 0 2
insert into u values (1, 11, '11'), (2, 22, 'b2');
-- tide: DELETE 1
delete from u where id = 2;
-- flush point
-- tide: SET
set tide.user_id = 'ann';
-- tide: DELETE 1
delete from u where id = 2;
-- tide: ERROR 22P02: invalid input syntax for type integer: "a1"
alter table u alter note type int using note::int;
-- tide: UPDATE 1
update u set note = '1' where id = 1;
-- tide: ALTER TABLE
alter table u alter note type int using note::int, alter n type bigint, add column g int generated always as (id * 2) stored, add column k serial;
-- tide: (id int4, n int8, note int4, g int4)
-- tide: |1|10|1|2
-- tide: |3|30|33|6
-- tide: SELECT 2
select id, n, note, g from u order by id;
-- tide: SET
set tide.include_deleted = on;
-- tide: (id int4, n int8, note int4, g int4, _deleted bool)
-- tide: |1|10|1|2|f
-- tide: |2|20|\N|\N|t
-- tide: |3|30|33|6|f
-- tide: SELECT 3
select id, n, note, g, _deleted from u order by id;
-- flush point
-- tide: ALTER TABLE
alter table u alter n type numeric(8, 2), alter note type text;
-- tide: ALTER TABLE
alter table u alter n type numeric(10, 2), alter note type varchar;
-- tide: SET
set tide.user_id = 'bob';
-- tide: (id int4, n numeric, note varchar, _deleted bool)
-- tide: |1|11.00|11|f
-- tide: |2|22.00|\N|t
-- tide: SELECT 2
select id, n, note, _deleted from u order by id;
-- tide: RESET
reset tide.include_deleted;
-- tide: INSERT 0 1
insert into u (id, n, note) values (2, 2.5, 'again');
-- tide: (id int4)
-- tide: |1
-- tide: SELECT 1
select id from u where n = 11;
-- restart point
-- tide: SET
set tide.user_id = 'bob';
-- tide: (id int4, n numeric, note varchar, g int4)
-- tide: |1|11.00|11|2
-- tide: |2|2.50|again|4
-- tide: SELECT 2
select id, n, note, g from u order by id;
-- tide: ALTER TABLE
alter table u add column late int default 5, drop column note;
-- tide: SET
set tide.user_id = 'ann';
-- tide: (id int4, n numeric, late int4)
-- tide: |1|10.00|5
-- tide: |3|30.00|5
-- tide: SELECT 2
select id, n, late from u order by id;
-- tide: ALTER TABLE
alter table u add column note text default 'new';
-- tide: (id int4, note text)
-- tide: |1|new
-- tide: |3|new
-- tide: SELECT 2
select id, note from u order by id;
-- Streams.
-- tide: ALTER TABLE
alter table s alter v type int using v::int + 1;
-- tide: ALTER TABLE
alter table s add column k int not null default 3, add column g int generated always as (v * 2) stored;
-- tide: (id int4, v int4, k int4, g int4)
-- tide: |1|11|3|22
-- tide: |2|21|3|42
-- tide: SELECT 2
select * from s order by id;
-- tide: ERROR 23514: check constraint "small" of relation "s" is violated by some row
-- tide:   table: s
-- tide:   constraint: small
alter table s add constraint small check (v < 20);
-- tide: ERROR 22003: smallint out of range
alter table s drop column g, alter v type smallint using v * 2000;
-- tide: DROP TABLE
drop table u, s;
