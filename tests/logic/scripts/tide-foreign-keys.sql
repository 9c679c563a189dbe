-- Foreign keys between tables of different kinds, soft-deleted rows, other users' rows. Answers are written by hand.
-- tide: CREATE TABLE
create shared table room (id int primary key, name text);
-- tide: CREATE TABLE
create user table thread (id int primary key, room int references room on delete set null);
-- tide: CREATE TABLE
create user table msg (id int primary key, thread int references thread on delete cascade, room int references room);
-- tide: CREATE TABLE
create stream table keyed (id int primary key) with (ttl = '1h');
-- tide: CREATE TABLE
create stream table seen (room int references room) with (ttl = '1h');
-- tide: INSERT 0 3
insert into room values (1, 'hall'), (2, 'lab'), (3, 'attic');
-- tide: SET
set tide.user_id = 'alice';
-- tide: INSERT 0 2
insert into thread values (1, 1), (2, 2);
-- tide: INSERT 0 2
insert into msg values (1, 1, 1), (2, 2, null);
-- flush point
-- tide: SET
set tide.user_id = 'bob';
-- another user's thread is nobody's here
-- tide: ERROR 23503: insert or update on table "msg" violates foreign key constraint "msg_thread_fkey"
-- tide:   detail: Key (thread)=(1) is not present in table "thread".
-- tide:   table: msg
-- tide:   constraint: msg_thread_fkey
insert into msg values (1, 1, null);
-- tide: INSERT 0 1
insert into thread values (1, 2);
-- tide: INSERT 0 2
insert into msg values (1, 1, 2), (2, 1, 2);
-- flush point
-- bob's thread takes bob's messages along, and only those
-- tide: DELETE 1
delete from thread where id = 1;
-- tide: (n int8)
-- tide: |0
-- tide: SELECT 1
select count(*) as n from msg;
-- a shared row that some user's row refers to
-- tide: ERROR 23503: update or delete on table "room" violates foreign key constraint "msg_room_fkey" on table "msg"
-- tide:   detail: Key (id)=(1) is still referenced from table "msg".
-- tide:   table: msg
-- tide:   constraint: msg_room_fkey
delete from room where id = 1;
-- the rows that referred to it are deleted, if only softly; alice's thread loses its room
-- tide: DELETE 1
delete from room where id = 2;
-- tide: SET
set tide.user_id = 'alice';
-- tide: (id int4, room int4)
-- tide: |1|1
-- tide: |2|\N
-- tide: SELECT 2
select id, room from thread order by id;
-- tide: (id int4, thread int4)
-- tide: |1|1
-- tide: |2|2
-- tide: SELECT 2
select id, thread from msg order by id;
-- restart point
-- a deleted parent is none, and may come back
-- tide: ERROR 23503: insert or update on table "seen" violates foreign key constraint "seen_room_fkey"
-- tide:   detail: Key (room)=(2) is not present in table "room".
-- tide:   table: seen
-- tide:   constraint: seen_room_fkey
insert into seen values (3), (2);
-- tide: INSERT 0 1
insert into room values (2, 'lab again');
-- tide: INSERT 0 2
insert into seen values (3), (2);
-- flush point
-- tide: ERROR 23503: update or delete on table "room" violates foreign key constraint "seen_room_fkey" on table "seen"
-- tide:   detail: Key (id)=(3) is still referenced from table "seen".
-- tide:   table: seen
-- tide:   constraint: seen_room_fkey
delete from room where id = 3;
-- a statement over all users
-- tide: SET
set tide.user_id = 'carol';
-- tide: INSERT 0 1
insert into thread values (1, 1);
-- tide: INSERT 0 1
insert into msg values (7, 1, 1);
-- tide: SET
set tide.scope = 'all';
-- tide: DELETE 3
delete from thread;
-- tide: (n int8)
-- tide: |0
-- tide: SELECT 1
select count(*) as n from msg;
-- tide: RESET
reset tide.scope;
-- tide: DELETE 1
delete from room where id = 1;
-- cascades delete as the statement does
-- tide: SET
set tide.hard_delete = on;
-- tide: INSERT 0 1
insert into thread values (9, 2);
-- tide: INSERT 0 1
insert into msg values (9, 9, null);
-- flush point
-- tide: DELETE 1
delete from thread where id = 9;
-- tide: RESET
reset tide.hard_delete;
-- tide: SET
set tide.include_deleted = on;
-- tide: (id int4, _deleted bool)
-- tide: |7|t
-- tide: SELECT 1
select id, _deleted from msg order by id;
-- tide: RESET
reset tide.include_deleted;
-- one user's rows may not be all that refer to everyone's
-- tide: ERROR 0A000: cannot truncate a table referenced in a foreign key constraint
-- tide:   detail: Table "thread" references "room".
-- tide:   hint: Truncate table "thread" at the same time, or use TRUNCATE ... CASCADE.
truncate room;
-- tide: ERROR 0A000: cannot truncate a table referenced in a foreign key constraint
-- tide:   detail: Rows of other users in table "thread" may reference "room".
-- tide:   hint: SET tide.scope = 'all' truncates everyone's rows.
truncate room, thread, msg, seen;
-- tide: SET
set tide.scope = 'all';
-- tide: TRUNCATE TABLE
truncate room, thread, msg, seen;
-- tide: RESET
reset tide.scope;
-- what can not be held
-- tide: ERROR 0A000: foreign key "no_thread_fkey" from a shared table to a user table is not supported
-- tide:   detail: A row of a user table is one user’s, a row of the referencing table everyone’s.
-- tide:   hint: Make "no" a user table, or "thread" a shared one.
-- tide:   table: no
-- tide:   constraint: no_thread_fkey
create shared table no (thread int references thread);
-- tide: ERROR 0A000: foreign key "no_seen_fkey" to a stream table is not supported
-- tide:   hint: Rows of a stream table go when their time to live ends.
-- tide:   table: no
-- tide:   constraint: no_seen_fkey
create shared table no (seen int references keyed);
-- tide: ERROR 0A000: foreign key "no_room_fkey" with an action that changes rows of a stream table is not supported
-- tide:   hint: Stream tables are append-only: NO ACTION and RESTRICT are what there is.
-- tide:   table: no
-- tide:   constraint: no_room_fkey
create stream table no (room int references room on delete cascade) with (ttl = '1h');
