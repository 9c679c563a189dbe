-- UPDATE and DELETE, hot rows and cold rows alike.
create table item (id int primary key, name text, price numeric(8,2), qty int, tag text);
create table bonus (item_id int, pct int);
insert into item select g, 'item ' || g, g * 1.5, g % 4, case when g % 3 = 0 then 'fizz' end from generate_series(1, 12) as g;
insert into bonus values (1, 10), (2, 20), (99, 50);
-- flush point
insert into item values (13, 'late', 100, 0, 'late'), (14, 'later', 200, 9, null);
insert into bonus values (13, 5);
update item set price = price + 1 where id = 3;
update item set name = upper(name), qty = qty + 1 where id between 5 and 7;
update item set tag = null where tag = 'fizz' and id > 9;
update item set qty = 0 where id = 1000;
-- flush point
-- restart point
select * from item order by id;
update item set price = price * (1 + pct / 100.0) from bonus where item_id = id;
select id, price from item where id in (1, 2, 13) order by id;
update item i set name = b.pct || '%', tag = i.name from bonus b where b.item_id = i.id and b.pct > 15 returning i.id, i.name, i.tag, b.pct;
update item set (name, qty) = ('pair', 77) where id = 4 returning *;
update item set (name, qty) = (select 'from sub', count(*) from bonus) where id = 4 returning name, qty;
update item set qty = (select sum(pct) from bonus where item_id = item.id) where id in (1, 14);
select id, qty from item where id in (1, 14) order by id;
update item set qty = default, tag = 'dflt' where id = 5 returning id, qty, tag;
-- unordered
update item set qty = -1 where id in (select item_id from bonus) returning id, qty;
-- unordered
update item set qty = old.qty - 1 from item as old where old.id = item.id and item.id in (8, 9) returning item.id, item.qty;
-- unordered
delete from item where price > 150 or id = 12 returning id, price;
delete from item using bonus where item_id = id and pct = 10 returning id, name, pct;
delete from item where id = 1;
delete from item where id = 1000;
select id, name, qty from item order by id;
-- flush point
insert into item values (1, 'again', 1, 1, 'new life') returning *;
select id, name, tag from item where id = 1;
update item set id = 100 where id = 2;
select id, name from item where id in (2, 100) order by id;
update item set id = 3 where id = 4;
update item set id = id + 1000;
select min(id) as mn, max(id) as mx, count(*) as n from item;
update item set nope = 1;
update item set price = 'x' where id = 1;
update item set price = 99999999.99 where id = 1001;
update item set qty = 1 / 0 where id = 1003;
update nope set a = 1;
delete from nope;
delete from item where nope = 1;
update item set qty = 1, qty = 2;
-- left out
with gone as (delete from item where id = 1003 returning id, name) select * from gone;
delete from item where exists (select from bonus where bonus.item_id + 1000 = item.id);
select count(*) as n from item;
delete from item;
select count(*) as n from item;
truncate item, bonus;
insert into item (id) values (1);
truncate table item restart identity cascade;
select * from item order by id;
drop table item, bonus;
