-- PREPARE, EXECUTE, DEALLOCATE.
create table p (id int primary key, v text, n numeric);
insert into p values (1, 'one', 1.5), (2, 'two', 2.5);
-- flush point
insert into p values (3, 'three', null);
-- flush point
prepare one (int) as select id, v from p where id = $1;
execute one (1);
execute one (2);
execute one (99);
execute one (1 + 1);
execute one ('3');
execute one ('x');
execute one;
execute one (1, 2);
prepare untyped as select id from p where v = $1 or n > $2 order by id;
execute untyped ('one', 2);
prepare ins as insert into p values ($1, $2, $3) returning *;
execute ins (4, 'four', 4.25);
execute ins (4, 'again', 0);
prepare upd (text, int) as update p set v = $1 where id = $2;
execute upd ('changed', 1);
execute one (1);
prepare one as select 1;
prepare lim (int) as select id from p order by id limit $1;
execute lim (2);
execute lim (null);
alter table p add column extra int default 9;
execute one (1);
prepare star as select * from p where id = $1;
execute star (2);
alter table p drop column extra;
execute star (2);
deallocate one;
execute one (1);
deallocate nope;
deallocate all;
execute lim (1);
prepare bad as select * from nope;
prepare unknown as select $1;
execute unknown ('x');
-- restart point
select * from p order by id;
execute untyped ('one', 2);
drop table p;
