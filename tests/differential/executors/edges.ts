import type { CatalogSnapshot } from '../../../src/catalog/types.ts';

/** Edge values by type, as literals that PostgreSQL takes. */
const edges: Readonly<Record<string, readonly string[]>> = {
  smallint: ['0', '1', '-1', '7', '32767', '-32768'],
  integer: ['0', '1', '-1', '3', '-7', '2147483647', '-2147483648'],
  bigint: ['0', '1', '-1', '10', '9223372036854775807', '-9223372036854775808'],
  oid: ['0', '1', '4294967295'],
  real: ['0', '-0', '1.5', '-2.5', '3.4e38', '1e-45', 'NaN', 'Infinity', '-Infinity'],
  'double precision': [
    '0',
    '-0',
    '0.5',
    '1.5',
    '-2.5',
    '2.5',
    '1e300',
    '-1e300',
    '5e-324',
    '9007199254740993',
    'NaN',
    'Infinity',
    '-Infinity',
  ],
  numeric: [
    '0',
    '0.00',
    '1',
    '-1.50',
    '2.5',
    '-2.5',
    '12345678901234567890.123456',
    '0.0000001',
    '99.995',
  ],
  text: [
    '',
    'a',
    'A',
    'b',
    'abc',
    'aBC',
    ' a ',
    'é',
    'É',
    'ß',
    'İ',
    '😀',
    'z😀y',
    'a%b',
    'a_b',
    'a\\b',
    '%b',
    'K',
    '\t',
    'e\u0301',
    '\uffee',
    'a,b,c',
  ],
  character: ['', 'a', 'a ', 'b', 'B', 'é'],
  name: ['a', 'b', 'B'],
  bytea: ['\\x', '\\x00', '\\xff', '\\x0001'],
  boolean: ['t', 'f'],
  date: [
    '2024-02-29',
    '2000-01-01',
    '1970-01-01',
    '2023-12-31',
    '2021-01-03',
    '0001-01-01',
    '0044-03-15 BC',
    '9999-12-31',
    'infinity',
    '-infinity',
    '5874897-12-31',
    '4713-11-24 BC',
  ],
  'timestamp without time zone': [
    '2024-02-29 12:34:56.789012',
    '2000-01-01',
    '1969-12-31 23:59:59.999999',
    '2023-12-31 23:59:59',
    '2021-01-03 00:00',
    '0044-03-15 01:02:03 BC',
    'infinity',
    '-infinity',
    '290000-01-01',
  ],
  'timestamp with time zone': [
    '2024-02-29 12:34:56.789012+00',
    '2000-01-01+00',
    '1969-12-31 23:59:59.999999+00',
    '2021-01-03 00:00+00',
    'infinity',
    '-infinity',
  ],
  'time without time zone': ['00:00', '24:00', '12:34:56.789', '23:59:59.999999'],
  interval: [
    '0',
    '1 month',
    '30 days',
    '24 hours',
    '1 day',
    '-1 day 02:00',
    '1 mon -30 days',
    '1 year 2 mons 3 days 04:05:06.7',
  ],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    '7fffffff-0000-0000-0000-000000000000',
    '80000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ],
};

const alias: Readonly<Record<string, string>> = {
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  '"any"': 'text',
  anyelement: 'text',
  anycompatible: 'text',
  anynonarray: 'integer',
};

const columnType: Readonly<Record<string, string>> = {
  character: 'char(3)',
  // A declared scale, as columnar columns have; values are rounded to it.
  numeric: 'numeric(30,6)',
};

const typeName = (name: string): string => alias[name] ?? name;
const slug = (name: string): string => `e_${typeName(name).replaceAll(/[^a-z0-9]/g, '_')}`;
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** One table per type, `v` holding its edge values and a NULL. */
export const edgeTable: string = Object.entries(edges)
  .map(([type, values]) => {
    const list = [
      ...values.map((value, at) => `(${at}, ${quoted(value)})`),
      `(${values.length}, NULL)`,
    ];
    return `create table ${slug(type)} (id int primary key, v ${columnType[type] ?? type}); insert into ${slug(type)} values ${list.join(', ')};`;
  })
  .join('\n');

const textConstants: Readonly<Record<string, readonly string[]>> = {
  date_trunc: [
    'microseconds',
    'second',
    'minute',
    'hour',
    'day',
    'week',
    'month',
    'quarter',
    'year',
    'century',
  ],
  extract: [
    'year',
    'quarter',
    'month',
    'week',
    'day',
    'hour',
    'minute',
    'second',
    'dow',
    'isodow',
    'doy',
    'isoyear',
    'epoch',
    'century',
  ],
};

/** Statements that call the function by OID over all edge values; those with constants need one each. */
export function edgesOf(catalog: CatalogSnapshot, oid: number, signature: string): string[] {
  const match = /^(\w+)\((.*)\)$/.exec(signature)!;
  const name = match[1]!;
  const args = match[2] === '' || match[2] === '*' ? [] : match[2]!.split(', ');
  const call = catalog.functionName(oid)!;
  if (windowNames.has(name)) return windowStatements(call, name, args);
  if (aggregateNames.has(name)) return aggregateStatements(call, args);
  const fields = textConstants[name === 'date_part' ? 'extract' : name];
  if (fields) {
    return fields.flatMap((field) =>
      oneByOne(args[1]!, (column) => `${call}(${quoted(field)}, ${column})`),
    );
  }
  const constants = constantArguments(name, args);
  if (constants) {
    return constants.flatMap((rest) =>
      oneByOne(args[0]!, (column) => `${call}(${[column, ...rest].join(', ')})`),
    );
  }
  if (args.length === 1) return oneByOne(args[0]!, (column) => `${call}(${column})`);
  if (name === 'numeric_mul')
    return ['select a.id, b.id, a.price * b.price from item a, item b order by 1, 2'];
  if (args.length === 2 && isComparison(signature)) {
    // Beyond the last timestamp PostgreSQL compares without converting, and DuckDB gives up.
    const date =
      args[0] === args[1]
        ? undefined
        : args[0] === 'date'
          ? 'a'
          : args[1] === 'date'
            ? 'b'
            : undefined;
    const where =
      date === undefined ? '' : `where ${date}.v < '294000-01-01' or not isfinite(${date}.v)`;
    return [
      `select a.id, b.id, ${call}(a.v, b.v) from ${slug(args[0]!)} a, ${slug(args[1]!)} b ${where} order by 1, 2`,
    ];
  }
  if (args.length === 2) return pairs(call, args);
  return [
    `select a.id, b.id, c.id, ${call}(a.v, b.v, c.v) from ${slug(args[0]!)} a, ${slug(args[1]!)} b, ${slug(args[2]!)} c order by 1, 2, 3`,
  ];
}

const isComparison = (signature: string): boolean =>
  /(?:eq|ne|lt|le|gt|ge)(?:_timestamp|_date)?\(/.test(signature);

/** Row by row, so that one row's error does not hide the others. */
function oneByOne(type: string, expression: (column: string) => string): string[] {
  const count = edges[typeName(type)]!.length + 1;
  return Array.from(
    { length: count },
    (_, id) => `select ${expression('a.v')} from ${slug(type)} a where a.id = ${id}`,
  );
}

function pairs(call: string, args: readonly string[]): string[] {
  const [left, right] = args as [string, string];
  const out: string[] = [];
  for (let id = 0; id <= edges[typeName(left)]!.length; id++) {
    for (let other = 0; other <= edges[typeName(right)]!.length; other++) {
      if (typeName(left) === 'text' && typeName(right) === 'text' && (id + other) % 2 === 1)
        continue;
      out.push(
        `select ${call}(a.v, b.v) from ${slug(left)} a, ${slug(right)} b where a.id = ${id} and b.id = ${other}`,
      );
    }
  }
  return out;
}

/** Arguments after the first for functions whose translation needs constants. */
function constantArguments(name: string, args: readonly string[]): string[][] | undefined {
  if (/^(?:substring|substr)$/.test(name)) {
    return args.length === 3
      ? [
          ['1', '2'],
          ['2', '1'],
          ['1', '0'],
          ['5', '9'],
          ['2', '2147483647'],
        ]
      : [['1'], ['2'], ['9']];
  }
  if (name === 'left' || name === 'right') return [['0'], ['1'], ['2'], ['9']];
  if (name === 'split_part')
    return [
      ["','", '1'],
      ["','", '3'],
      ["','", '9'],
      ["'b'", '2'],
    ];
  if (name === 'numeric' && args.length === 2) return [['655366'], ['1245188'], ['327684']];
  if (name === 'round' && args.length === 2) return [['0'], ['1'], ['2'], ['6'], ['8']];
  if (/_(?:pl|mi)_interval$/.test(name))
    return edges['interval']!.map((value) => [`interval ${quoted(value)}`]);
  return undefined;
}

const windowNames: ReadonlySet<string> = new Set([
  'row_number',
  'rank',
  'dense_rank',
  'percent_rank',
  'cume_dist',
  'ntile',
  'lag',
  'lead',
  'first_value',
  'last_value',
  'nth_value',
]);
const aggregateNames: ReadonlySet<string> = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'bool_and',
  'bool_or',
  'every',
  'bit_and',
  'bit_or',
  'string_agg',
]);

function windowStatements(call: string, name: string, args: readonly string[]): string[] {
  const rest = name === 'ntile' ? '3' : ['id', '2', '-1'].slice(0, args.length).join(', ');
  return [
    'order by id',
    'partition by ok order by id desc',
    'order by code nulls first rows between 1 preceding and unbounded following',
  ]
    .filter(
      (window) =>
        name === 'rank' ||
        name === 'dense_rank' ||
        name === 'percent_rank' ||
        name === 'cume_dist' ||
        !window.includes('code'),
    )
    .map(
      (window) =>
        `select id, ${call}(${args.length === 0 ? '' : rest}) over (${window}) from item order by id`,
    );
}

function aggregateStatements(call: string, args: readonly string[]): string[] {
  if (args.length === 0)
    return [
      `select ${call}(*) from item`,
      `select ok, ${call}(*) from item group by ok order by ok`,
    ];
  const type = typeName(args[0]!);
  const table = slug(type);
  if (args.length === 2) {
    return [
      `select ${call}(v, ',' order by id desc) from ${table}`,
      `select ${call}(v, '' order by v) from ${table} where id < 0`,
    ];
  }
  // 0 and -0 are equal: which of them min and max keep goes by the order of rows.
  const zeros = type === 'real' || type === 'double precision' ? 'where id <> 1' : '';
  return [
    `select ${call}(v) from ${table} ${zeros}`,
    `select ${call}(v) from ${table} where id in (0, 2)`,
    `select ${call}(v) from ${table} where id < 0`,
    `select ${call}(distinct v) from ${table} where id in (2, 3)`,
    `select id % 2, ${call}(v) filter (where id < 4) from ${table} ${zeros} group by id % 2 order by 1`,
    `select id, ${call}(v) over (order by id rows between 1 preceding and current row) from ${table} where id in (0, 2, 3) order by id`,
  ];
}
