-- Advisory locks: what one session sees of them. In transactions, as each statement is to be run once.
create table job (id int primary key, n bigint not null);
insert into job select i, i * 10 from generate_series(1, 3) as i;
-- flush point
insert into job select i, i * 10 from generate_series(4, 5) as i;
-- flush point
begin;
select pg_advisory_lock(1);
select pg_advisory_lock(1), pg_advisory_lock_shared(1), pg_advisory_lock(1, 2);
select pg_advisory_unlock(1), pg_advisory_unlock(1), pg_advisory_unlock(1);
select pg_advisory_unlock_shared(1), pg_advisory_unlock_shared(1), pg_advisory_unlock(1, 2), pg_advisory_unlock(2, 1);
select pg_try_advisory_lock(-1), pg_try_advisory_lock(9223372036854775807), pg_try_advisory_lock_shared(-2147483648, 2147483647);
select pg_advisory_unlock(-1) as minus, pg_advisory_unlock(9223372036854775807) as most, pg_advisory_unlock_shared(-2147483648, 2147483647) as pair;
select pg_advisory_unlock(-1);
select pg_advisory_lock(null), pg_try_advisory_lock(null), pg_advisory_unlock(null);
savepoint a;
select pg_advisory_lock('x');
rollback to a;
select pg_advisory_lock(7), pg_try_advisory_lock(8), 'all' as what;
select pg_advisory_unlock_all();
select pg_advisory_unlock(7), pg_advisory_unlock(8);
select pg_advisory_xact_lock(hashtext('migrate')::bigint);
select pg_try_advisory_xact_lock(hashtext('migrate')::bigint) as got;
commit;
begin;
select pg_advisory_xact_lock(3), pg_advisory_xact_lock_shared(4), pg_advisory_xact_lock(3, 4), pg_advisory_xact_lock_shared(3, 4);
select pg_try_advisory_xact_lock(3), pg_try_advisory_xact_lock_shared(3), pg_try_advisory_xact_lock(5, 6), pg_try_advisory_xact_lock_shared(5, 6);
select pg_advisory_unlock(3);
select pg_advisory_lock(9);
rollback;
begin;
select pg_advisory_unlock(9), pg_advisory_unlock(3);
-- Called for rows.
select id, pg_try_advisory_lock(n) as got from job order by id;
select pg_advisory_lock(n) from job where id < 3;
select id from job where pg_try_advisory_lock(n) order by id;
select id, case when id > 3 then pg_try_advisory_lock(id) end as got from job order by id;
select count(*) from job where pg_advisory_unlock(n);
select count(*) from (select pg_advisory_unlock(n) as was from job) as j where was;
declare c cursor for select pg_try_advisory_lock(id) as got, id from job order by id for update;
fetch 2 from c;
close c;
select pg_advisory_unlock_all();
commit;
begin read only;
select pg_advisory_xact_lock(1), pg_try_advisory_lock(2), pg_advisory_unlock(2);
commit;
discard all;
select pg_blocking_pids(pg_backend_pid()), pg_blocking_pids(null);
