-- Stream tables. PostgreSQL has none, so the answers are written by hand.
-- tide: CREATE TABLE
create stream table e (id int, kind text) with (ttl = '1 hour');
-- tide: CREATE TABLE
create stream table e2 (id int) with (ttl = '1 hour');
-- tide: INSERT 0 3
insert into e values (1, 'a'), (2, 'b'), (3, 'a');
-- flush point
-- tide: INSERT 0 1
insert into e values (4, 'c');
-- flush point
-- tide: (id int4, kind text)
-- tide: |1|a
-- tide: |2|b
-- tide: |3|a
-- tide: |4|c
-- tide: SELECT 4
select * from e order by id;
-- tide: (kind text, n int8)
-- tide: |a|2
-- tide: |b|1
-- tide: |c|1
-- tide: SELECT 3
select kind, count(*) as n from e group by kind order by kind;
-- tide: ERROR 22023: stream tables require parameter "ttl"
create stream table e3 (id int);
-- tide: ERROR 22023: parameter "ttl" applies to stream tables only, not to shared tables
create table e3 (id int) with (ttl = '10s');
-- tide: DROP TABLE
drop stream table e, e2;
