import { expect, test } from 'vitest';
import { Oid } from '../types/oid.ts';
import { readsAs } from './reads-as.ts';

const numeric = (precision: number, scale: number): [number, number] => [
  Oid.numeric,
  ((precision << 16) | (scale & 0x7ff)) + 4,
];
const varchar = (length: number): [number, number] => [Oid.varchar, length + 4];
type Type = [typeOid: number, typmod: number];

const free: [Type, Type][] = [
  [varchar(3), varchar(4)],
  [varchar(3), [Oid.varchar, -1]],
  [varchar(3), [Oid.text, -1]],
  [
    [Oid.text, -1],
    [Oid.varchar, -1],
  ],
  [numeric(5, 2), numeric(7, 2)],
  [numeric(5, 2), [Oid.numeric, -1]],
  [numeric(5, -2), numeric(6, -2)],
  [
    [Oid.timestamptz, 3],
    [Oid.timestamptz, 4],
  ],
  [
    [Oid.timestamp, -1],
    [Oid.timestamp, 6],
  ],
  [
    [Oid.interval, 3],
    [Oid.interval, -1],
  ],
];
const rewritten: [Type, Type][] = [
  [varchar(4), varchar(3)],
  [[Oid.text, -1], varchar(3)],
  [
    [Oid.int4, -1],
    [Oid.int8, -1],
  ],
  [
    [Oid.int4, -1],
    [Oid.oid, -1],
  ],
  [numeric(7, 2), numeric(6, 2)],
  [numeric(5, 2), numeric(7, 3)],
  [[Oid.numeric, -1], numeric(7, 3)],
  [
    [Oid.bpchar, 7],
    [Oid.bpchar, 9],
  ],
  [
    [Oid.bpchar, 7],
    [Oid.text, -1],
  ],
  [
    [Oid.timestamp, 6],
    [Oid.timestamp, 3],
  ],
  [
    [Oid.timestamp, -1],
    [Oid.timestamptz, -1],
  ],
  [
    [Oid.json, -1],
    [Oid.jsonb, -1],
  ],
];
const of = ([typeOid, typmod]: Type): { typeOid: number; typmod: number } => ({ typeOid, typmod });

test.each(free)('%j reads as %j', (from, to) => expect(readsAs(of(from), of(to))).toBe(true));
test.each(rewritten)('%j does not read as %j', (from, to) =>
  expect(readsAs(of(from), of(to))).toBe(false),
);
