-- User tables: one SQL, each user's own rows. PostgreSQL has none, so the answers are written by hand.
-- tide: CREATE TABLE
create user table m (id int primary key, body text, room int);
-- tide: CREATE TABLE
create shared table room (id int primary key, name text);
-- tide: INSERT 0 2
insert into room values (1, 'hall'), (2, 'lab');
-- tide: INSERT 0 2
insert into m values (1, 'by postgres', 1), (2, 'by postgres too', 2);
-- tide: SET
set tide.user_id = 'alice';
-- tide: (id int4, body text, room int4)
-- tide: SELECT 0
select * from m;
-- tide: INSERT 0 2
insert into m values (1, 'alice 1', 1), (3, 'alice 3', 2);
-- flush point
-- tide: INSERT 0 1
insert into m values (4, 'alice 4', 1);
-- tide: ERROR 23505: duplicate key value violates unique constraint "m_pkey"
-- tide:   detail: Key (id)=(1) already exists.
-- tide:   table: m
-- tide:   constraint: m_pkey
insert into m values (1, 'alice again', 1);
-- tide: SET
set tide.user_id = 'bob';
-- tide: INSERT 0 2
insert into m values (1, 'bob 1', 2), (4, 'bob 4', 2);
-- flush point
-- tide: (id int4, body text)
-- tide: |1|bob 1
-- tide: |4|bob 4
-- tide: SELECT 2
select id, body from m order by id;
-- tide: UPDATE 2
update m set body = body || '!';
-- tide: DELETE 1
delete from m where id = 4;
-- tide: (id int4, body text)
-- tide: |1|bob 1!
-- tide: SELECT 1
select id, body from m order by id;
-- tide: (body text, name text)
-- tide: |bob 1!|lab
-- tide: SELECT 1
select m.body, r.name from m join room r on r.id = m.room order by m.id;
-- restart point
-- tide: SET
set tide.user_id = 'alice';
-- tide: (id int4, body text, name text)
-- tide: |1|alice 1|hall
-- tide: |3|alice 3|lab
-- tide: |4|alice 4|hall
-- tide: SELECT 3
select m.id, m.body, r.name from m join room r on r.id = m.room order by m.id;
-- tide: (n int8)
-- tide: |3
-- tide: SELECT 1
select count(*) as n from m;
-- tide: (a text, b text)
-- tide: |alice 1|alice 4
-- tide: SELECT 1
select a.body as a, b.body as b from m a join m b on a.room = b.room and a.id < b.id order by 1;
-- tide: INSERT 0 1
insert into m values (1, 'up', 1) on conflict (id) do update set body = m.body || ' upserted';
-- tide: (body text)
-- tide: |alice 1 upserted
-- tide: SELECT 1
select body from m where id = 1;
-- tide: (id int4, _user_id text)
-- tide: |1|alice
-- tide: |3|alice
-- tide: |4|alice
-- tide: SELECT 3
select id, _user_id from m order by id;
-- tide: SET
set tide.scope = 'all';
-- tide: (_user_id text, id int4, body text)
-- tide: |alice|1|alice 1 upserted
-- tide: |alice|3|alice 3
-- tide: |alice|4|alice 4
-- tide: |bob|1|bob 1!
-- tide: |postgres|1|by postgres
-- tide: |postgres|2|by postgres too
-- tide: SELECT 6
select _user_id, id, body from m order by _user_id, id;
-- tide: RESET
reset tide.scope;
-- tide: RESET
reset tide.user_id;
-- tide: (id int4, body text)
-- tide: |1|by postgres
-- tide: |2|by postgres too
-- tide: SELECT 2
select id, body from m order by id;
-- tide: BEGIN
begin;
-- tide: SET
set local tide.user_id = 'bob';
-- tide: (id int4, body text)
-- tide: |1|bob 1!
-- tide: SELECT 1
select id, body from m order by id;
-- tide: COMMIT
commit;
-- tide: (n int8)
-- tide: |2
-- tide: SELECT 1
select count(*) as n from m;
-- tide: ERROR 22023: invalid value for parameter "type": "odd"
-- tide:   hint: Available values: user, shared, stream.
create table odd (id int) with (type = 'odd');
-- tide: DROP TABLE
drop user table m;
-- tide: ERROR 42809: "room" is not a user table
-- tide:   hint: It is a shared table: use DROP SHARED TABLE or DROP TABLE.
drop user table room;
-- tide: DROP TABLE
drop shared table room;
