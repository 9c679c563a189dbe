/** Casts from and to json and jsonb. */
import { PgError, SqlState } from '../base/index.ts';
import { parseFloat4, parseFloat8 } from './float.ts';
import type { JsonNode } from './json.ts';
import { parseJson } from './json.ts';
import { parseJsonb } from './jsonb.ts';
import { numericToInt2, numericToInt4, numericToInt8 } from './numeric.ts';
import { Oid } from './oid.ts';
import type { Value } from './value.ts';

type CastEntry = readonly [source: number, target: number, cast: (value: Value) => Value];

const kindNames: Readonly<Record<JsonNode['kind'], string>> = {
  null: 'null',
  string: 'string',
  number: 'numeric',
  bool: 'boolean',
  array: 'array',
  object: 'object',
};

function cannotCast(node: JsonNode, typeName: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `cannot cast jsonb ${kindNames[node.kind]} to type ${typeName}`,
  );
}

/** A jsonb number by way of numeric; jsonb's null is NULL. */
function numberCast(target: number, typeName: string, convert: (text: string) => Value): CastEntry {
  return [
    Oid.jsonb,
    target,
    (value) => {
      const node = parseJson(value as string, true);
      if (node.kind === 'null') return null;
      if (node.kind !== 'number') throw cannotCast(node, typeName);
      return convert(node.text);
    },
  ];
}

export const jsonCasts: readonly CastEntry[] = [
  [Oid.json, Oid.jsonb, (value) => parseJsonb(value as string)],
  [Oid.jsonb, Oid.json, (value) => value],
  numberCast(Oid.numeric, 'numeric', (text) => text),
  numberCast(Oid.int2, 'smallint', numericToInt2),
  numberCast(Oid.int4, 'integer', numericToInt4),
  numberCast(Oid.int8, 'bigint', numericToInt8),
  numberCast(Oid.float4, 'real', parseFloat4),
  numberCast(Oid.float8, 'double precision', parseFloat8),
  [
    Oid.jsonb,
    Oid.bool,
    (value) => {
      const node = parseJson(value as string, true);
      if (node.kind === 'null') return null;
      if (node.kind !== 'bool') throw cannotCast(node, 'boolean');
      return node.value;
    },
  ],
];
