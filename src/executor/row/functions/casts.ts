import { castFunction } from '../../../types/cast.ts';
import { Oid } from '../../../types/oid.ts';
import { requirePgType } from '../../../types/registry.ts';
import type { Value } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';

type TypeName = keyof typeof Oid;

/** Functions of pg_cast and those that do the same under the name of the target type. */
// oxfmt-ignore
const castRows: readonly (readonly [oid: number, name: string, source: TypeName, target: TypeName])[] = [
  [313, 'int4', 'int2', 'int4'], [314, 'int2', 'int4', 'int2'], [480, 'int4', 'int8', 'int4'],
  [481, 'int8', 'int4', 'int8'], [754, 'int8', 'int2', 'int8'], [714, 'int2', 'int8', 'int2'],
  [1287, 'oid', 'int8', 'oid'], [1288, 'int8', 'oid', 'int8'], [2557, 'bool', 'int4', 'bool'],
  [2558, 'int4', 'bool', 'int4'], [235, 'float8', 'int2', 'float8'], [236, 'float4', 'int2', 'float4'],
  [316, 'float8', 'int4', 'float8'], [318, 'float4', 'int4', 'float4'], [482, 'float8', 'int8', 'float8'],
  [652, 'float4', 'int8', 'float4'], [311, 'float8', 'float4', 'float8'], [312, 'float4', 'float8', 'float4'],
  [237, 'int2', 'float8', 'int2'], [238, 'int2', 'float4', 'int2'], [317, 'int4', 'float8', 'int4'],
  [319, 'int4', 'float4', 'int4'], [483, 'int8', 'float8', 'int8'], [653, 'int8', 'float4', 'int8'],
  [1740, 'numeric', 'int4', 'numeric'], [1782, 'numeric', 'int2', 'numeric'], [1781, 'numeric', 'int8', 'numeric'],
  [1742, 'numeric', 'float4', 'numeric'], [1743, 'numeric', 'float8', 'numeric'], [1783, 'int2', 'numeric', 'int2'],
  [1744, 'int4', 'numeric', 'int4'], [1779, 'int8', 'numeric', 'int8'], [1745, 'float4', 'numeric', 'float4'],
  [1746, 'float8', 'numeric', 'float8'], [2971, 'text', 'bool', 'text'], [401, 'text', 'bpchar', 'text'],
  [406, 'text', 'name', 'text'], [407, 'name', 'text', 'name'], [409, 'name', 'bpchar', 'name'],
  [1400, 'name', 'varchar', 'name'], [408, 'bpchar', 'name', 'bpchar'], [1401, 'varchar', 'name', 'varchar'],
  [2024, 'timestamp', 'date', 'timestamp'], [1174, 'timestamptz', 'date', 'timestamptz'],
  [1370, 'interval', 'time', 'interval'], [2047, 'timetz', 'time', 'timetz'], [2029, 'date', 'timestamp', 'date'],
  [1316, 'time', 'timestamp', 'time'], [2028, 'timestamptz', 'timestamp', 'timestamptz'],
  [1178, 'date', 'timestamptz', 'date'], [2019, 'time', 'timestamptz', 'time'],
  [2027, 'timestamp', 'timestamptz', 'timestamp'], [1388, 'timetz', 'timestamptz', 'timetz'],
  [1419, 'time', 'interval', 'time'], [2046, 'time', 'timetz', 'time'], [3556, 'bool', 'jsonb', 'bool'],
  [3449, 'numeric', 'jsonb', 'numeric'], [3450, 'int2', 'jsonb', 'int2'], [3451, 'int4', 'jsonb', 'int4'],
  [3452, 'int8', 'jsonb', 'int8'], [3453, 'float4', 'jsonb', 'float4'], [2580, 'float8', 'jsonb', 'float8'],
  [6367, 'bytea', 'int2', 'bytea'], [6368, 'bytea', 'int4', 'bytea'], [6369, 'bytea', 'int8', 'bytea'],
  [6370, 'int2', 'bytea', 'int2'], [6371, 'int4', 'bytea', 'int4'], [6372, 'int8', 'bytea', 'int8'],
];

/** A type's cast to itself with a length or precision; the typmod comes as an argument. */
const lengthRows: readonly (readonly [oid: number, type: TypeName, explicitFlag: boolean])[] = [
  [1703, 'numeric', false],
  [669, 'varchar', true],
  [668, 'bpchar', true],
  [1961, 'timestamp', false],
  [1967, 'timestamptz', false],
  [1968, 'time', false],
  [1969, 'timetz', false],
  [1200, 'interval', false],
];

function toType([oid, name, source, target]: (typeof castRows)[number]): FunctionEntry {
  return {
    oid,
    signature: `${name}(${source})`,
    strict: true,
    bind({ resultType }) {
      // One function may serve several targets: int4(int2) is also the cast to oid.
      const cast = castFunction(Oid[source], resultType) ?? castFunction(Oid[source], Oid[target]);
      return (
        cast &&
        ((value: Value, environment: Environment) =>
          cast(value, environment.context.statement.types))
      );
    },
  };
}

export const castFunctions: readonly FunctionEntry[] = [
  ...castRows.map(toType),
  ...strictFunctions(
    lengthRows.map(([oid, name, explicitFlag]) => {
      const type = requirePgType(Oid[name]);
      return [
        oid,
        `${name}(${name},int4${explicitFlag ? ',bool' : ''})`,
        explicitFlag
          ? (value: Value, typmod: number, explicit: boolean) =>
              type.applyTypmod(value, typmod, explicit)
          : (value: Value, typmod: number) => type.applyTypmod(value, typmod, true),
      ];
    }),
  ),
];
