-- Functions over stored values: strings, JSON, patterns, and conditional expressions.
create table f (id int primary key, s text, n int, j jsonb);
insert into f values (1, 'Hello World', 5, '{"a": {"b": [10, 20, {"c": "deep"}]}, "k": "v", "n": null, "t": true}'), (2, '  padded  ', -5, '[1, "two", [3]]'), (3, 'a,b,,c', 0, '"str"');
-- flush point
insert into f values (4, '', null, '{}'), (5, null, 12, null), (6, 'Ünïcödé ßtraße', 100, '{"a": 1}');
-- flush point
-- restart point
select id, upper(s) as u, lower(s) as l, initcap(s) as i, reverse(s) as r from f order by id;
select id, trim(s) as t, ltrim(s) as l, rtrim(s) as r, btrim(s, ' d') as b, trim(leading 'H' from s) as h from f order by id;
select id, left(s, 3) as l, right(s, 3) as r, left(s, -2) as nl, substring(s from 2 for 3) as sub, substring(s from -1 for 4) as neg, substr(s, 3) as tail from f order by id;
select id, position('o' in s) as p, strpos(s, ',') as sp, length(s) as len, char_length(s) as cl, bit_length(s) as bl from f order by id;
select id, replace(s, 'l', 'L') as r, translate(s, 'lo', '01') as t, overlay(s placing 'XX' from 2 for 3) as o from f order by id;
select id, lpad(s, 6, '*') as l, rpad(s, 14, '-') as r, repeat(left(s, 1), 3) as rep from f order by id;
select id, split_part(s, ',', 2) as p, split_part(s, ',', -1) as last, string_to_array(s, ',') as arr, concat(s, '-', n) as c, concat_ws('/', s, n, null, 'x') as ws from f order by id;
select id, s || '!' as cat, s || n as mixed, format('%s=%s|%I|%L|%5s', id, n, coalesce(s, 'x'), s, n) as fm from f order by id;
select id, s like '%o%' as lk, s like '_ello%' as u, s ilike 'HELLO%' as il, s not like '%a%' as nl, s similar to '%(World|c)' as st from f order by id;
select id, s ~ '^[A-Z]' as re, s ~* 'WORLD' as rei, s !~ '\d' as nre, regexp_replace(s, '[aeiou]', '#', 'g') as rr, substring(s from '[a-z]+') as ss from f order by id;
select id, regexp_match(s, '(\w)(\w)') as m, regexp_split_to_array(s, '[ ,]+') as sp, regexp_count(s, 'o') as c from f order by id;
select id, ascii(s) as a, chr(64 + id) as c, quote_literal(s) as ql, quote_ident(s) as qi, quote_nullable(s) as qn, starts_with(s, 'He') as sw from f order by id;
select s like 'a\%' as e1, 'a%b' like 'a\%b' as e2, 'a%b' like 'a#%b' escape '#' as e3, 'a\b' like 'a\\b' as e4 from f where id = 1;
select id, to_hex(n) as h, md5(s) as m from f order by id;
select id, j -> 'a' as a, j -> 'a' -> 'b' -> 0 as b0, j #>> '{a,b,2,c}' as c, j -> 1 as e1, j ->> 'n' as n, j -> 'n' is null as nn from f order by id;
select id, jsonb_array_length(j) as l from f where jsonb_typeof(j) = 'array';
select id, j || '{"new": 1}' as cat, j - 'k' as minus, j #- '{a,b,0}' as del from f where jsonb_typeof(j) = 'object' order by id;
select id, jsonb_set(j, '{a}', '"set"') as st, jsonb_pretty(j -> 'a') as p, jsonb_strip_nulls(j) as sn from f where id = 1;
select id, k, v from f, jsonb_each_text(j) as e (k, v) where jsonb_typeof(j) = 'object' order by id, k;
select id, e from f, jsonb_array_elements(j) as e where id = 2 order by e;
select id, jsonb_object_keys(j) as k from f where jsonb_typeof(j) = 'object' order by 1, 2;
select id, j @? '$.a.b[*] ? (@ > 15)' as q, jsonb_path_query_first(j, '$.a.b[1]') as p from f order by id;
select jsonb_build_object('a', 1, 'b', array[1, 2]) as o, json_build_array(1, 'x', null) as a, to_jsonb(row(1, 'x')) as r, row_to_json(f) as j from f where id = 5;
select '{"a":1}'::jsonb = '{"a": 1.0}'::jsonb as eq, '[1,2]'::jsonb < '[1,3]'::jsonb as lt, '{"a":1}'::jsonb <@ '{"a":1,"b":2}' as sub;
select id, case when n > 10 then 'big' when n > 0 then 'small' when n is null then 'none' else 'neg' end as c, case n when 5 then 'five' else 'other' end as k from f order by id;
select id, coalesce(n, -1) as c, nullif(n, 5) as ni, greatest(n, 3, null) as g, least(n, 3) as l, n is distinct from 5 as df, n is not distinct from null as nd from f order by id;
select id, case when n = 0 then 0 else 100 / n end as safe from f order by id;
select id, n between -5 and 5 as b, n not between 0 and 10 as nb, n between symmetric 10 and 0 as bs from f order by id;
select id, n::text as t, n::float8 / 2 as f, n::numeric(5,2) as d, n::boolean as b, (n > 0)::int as i, cast(n as bigint) as l from f where n is not null order by id;
select 'true'::bool as a, '12'::int + 1 as b, '2024-01-01'::date + 1 as c, '{1,2}'::int[] as d, 1::text || 'x' as e, 'abc'::bytea as f, 12.7::int as g, '1 day'::interval as h;
select s::int from f where id = 1;
select n::bool::int from f where id = 5;
select '2024-01-01'::int as x;
select id / (n - 5) as x from f where id = 1;
select null::int + 1 as a, null = null as b, null is null as c, not null::bool as d, null and false as e, null or true as f, 'x' || null as g;
select nope(1) as x;
select upper(1) as x;
select 1 + 'a' as x;
select 1 = 'a'::text as x;
select substring('hello' from 2 for -1) as x;
drop table f;
