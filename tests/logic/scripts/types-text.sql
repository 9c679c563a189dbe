-- Text, bytes, uuid, json: edge values.
create table s (id int primary key, t text, v varchar(5), c char(5), n name, b bytea, u uuid, j json, jb jsonb);
insert into s values (1, '', '', '', '', '', '00000000-0000-0000-0000-000000000000', 'null', 'null');
insert into s values (2, 'héllo wörld 😀', 'héé', 'ab', 'Some Name', '\xdeadbeef00ff', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{"b": 1, "a": [1, 2.50, null], "b": 2}', '{"b": 1, "a": [1, 2.50, null], "b": 2}');
-- flush point
insert into s values (3, E'tab\tnew\nline\\back', 'abcde', 'abcde', 'x', '\000\001', '{ffffffffffffffffffffffffffffffff}', ' [ ] ', ' [ ] ');
insert into s values (4, 'it''s "quoted"', 'ab   ', 'ab   ', 'y', 'abc', null, '"\u00e9\n"', '"\u00e9\n"');
insert into s (id) values (5);
-- flush point
-- restart point
select * from s order by id;
select id, length(t) as lt, octet_length(t) as ot, length(v) as lv, length(c) as lc, octet_length(c) as oc, length(b) as lb from s order by id;
select id from s where t = '';
select id from s where t is null;
select id from s where c = 'ab' order by id;
select id from s where v = 'ab';
select id, c || '|' as cc, v || '|' as vv from s where id in (2, 4) order by id;
select id from s where u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
select id from s where b = '\xdeadbeef00ff';
select id, t from s order by t collate "C" desc nulls last;
select id, u from s order by u nulls first;
select id, b from s order by b, id;
select id from s where jb @> '{"b": 2}';
select id, jb -> 'a' as a, jb ->> 'b' as b, jb #>> '{a,1}' as a1, jb ? 'a' as has from s where id = 2;
select id, j -> 'a' -> 0 as a0, j ->> 'b' as b, json_typeof(j) as t from s where id = 2;
select id, jsonb_typeof(jb) as t from s order by id;
insert into s (id, v) values (6, 'abcdef');
insert into s (id, c) values (6, 'abcdef');
insert into s (id, v) values (6, 'abcde   ');
select v || '|' as v from s where id = 6;
insert into s (id, u) values (7, 'not-a-uuid');
insert into s (id, j) values (7, '{"a": }');
insert into s (id, jb) values (7, '{a: 1}');
insert into s (id, b) values (7, '\xabc');
insert into s (id, t) values (1, 'again');
select 'abcdef'::varchar(3) as v, 'abcdef'::char(3) as c, 'ab'::char(4) || 'x' as p;
select 'a' < 'B' as ci, 'a' collate "C" < 'B' collate "C" as c, 'ab' < 'abc' as p;
select encode('\x00ff10', 'hex') as h, encode('hello', 'base64') as b, decode('aGVsbG8=', 'base64') as d, '\x01'::bytea || '\x02'::bytea as cat;
select get_byte('\x0102', 1) as g, substring('\x010203'::bytea from 2 for 1) as s, position('\x02'::bytea in '\x0102'::bytea) as p, md5('a') as m, sha256('a') as s256;
select U&'\0061\00e9' as u, E'\x41\u00e9' as e, $$dollar 'quoted'$$ as d;
select 'con'
'cat' as joined;
update s set v = 'toolong' where id = 1;
update s set c = null, v = 'x' where id = 3;
select id, v, c from s where id = 3;
drop table s;
