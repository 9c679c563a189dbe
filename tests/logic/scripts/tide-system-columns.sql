-- System columns and soft delete. PostgreSQL has neither, so the answers are written by hand.
-- tide: CREATE TABLE
create table k (id int primary key, v text);
-- tide: INSERT 0 2
insert into k values (1, 'one'), (2, 'two');
-- flush point
-- tide: INSERT 0 2
insert into k values (3, 'three'), (4, 'four');
-- flush point
-- tide: (id int4, v text)
-- tide: |1|one
-- tide: |2|two
-- tide: |3|three
-- tide: |4|four
-- tide: SELECT 4
select * from k order by id;
-- tide: (id int4, _deleted bool, has bool)
-- tide: |1|f|t
-- tide: |2|f|t
-- tide: |3|f|t
-- tide: |4|f|t
-- tide: SELECT 4
select id, _deleted, _updated > '2024-01-01' as has from k order by id;
-- tide: (up bool)
-- tide: |t
-- tide: SELECT 1
select (select _seq from k where id = 3) > (select _seq from k where id = 2) as up;
-- tide: DELETE 2
delete from k where id in (2, 3);
-- tide: (id int4)
-- tide: |1
-- tide: |4
-- tide: SELECT 2
select id from k order by id;
-- restart point
-- tide: SET
set tide.include_deleted = on;
-- tide: (id int4, v text, _deleted bool)
-- tide: |1|one|f
-- tide: |2|two|t
-- tide: |3|three|t
-- tide: |4|four|f
-- tide: SELECT 4
select id, v, _deleted from k order by id;
-- tide: RESET
reset tide.include_deleted;
-- tide: INSERT 0 1
insert into k values (2, 'two again');
-- tide: (id int4, v text)
-- tide: |1|one
-- tide: |2|two again
-- tide: |4|four
-- tide: SELECT 3
select id, v from k order by id;
-- tide: SET
set tide.hard_delete = on;
-- tide: DELETE 1
delete from k where id = 4;
-- tide: RESET
reset tide.hard_delete;
-- tide: SET
set tide.include_deleted = on;
-- tide: (id int4, v text, _deleted bool)
-- tide: |1|one|f
-- tide: |2|two again|f
-- tide: |3|three|t
-- tide: SELECT 3
select id, v, _deleted from k order by id;
-- tide: RESET
reset tide.include_deleted;
-- tide: (id int4, same bool)
-- tide: |1|t
-- tide: |2|t
-- tide: SELECT 2
select k.id, k._seq = m._seq as same from k join k m on m.id = k.id order by k.id;
-- tide: DROP TABLE
drop table k;
