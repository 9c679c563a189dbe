/** A column of each type that a table may have, with a value, and how readers are to see both. */
export interface OpenColumn {
  readonly name: string;
  /** PostgreSQL's type, and a literal of it. */
  readonly type: string;
  readonly literal: string;
  readonly duckdb: string;
  readonly arrow: string;
  /** Undefined: pandas' own types can't hold it. */
  readonly pandas: string | undefined;
  /** The value in JSON's terms: exact decimals, big numbers and times as text, bytes in hexadecimal. */
  readonly value: unknown;
}

const column = (
  name: string,
  type: string,
  literal: string,
  [duckdb, arrow, pandas]: readonly [string, string, string?],
  value: unknown,
): OpenColumn => ({ name, type, literal, duckdb, arrow, pandas, value });

const text = ['VARCHAR', 'string', 'str'] as const;
const uuid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';

export const columns: readonly OpenColumn[] = [
  column('b', 'boolean', 'true', ['BOOLEAN', 'bool', 'object'], true),
  column('i2', 'smallint', '-3', ['SMALLINT', 'int16', 'float64'], -3),
  column('i4', 'integer', '-2147483648', ['INTEGER', 'int32', 'float64'], -2147483648),
  column('i8', 'bigint', '9007199254740991', ['BIGINT', 'int64', 'float64'], 9007199254740991),
  column('o', 'oid', '4000000000', ['UINTEGER', 'uint32', 'float64'], 4000000000),
  column('f4', 'real', '1.5', ['FLOAT', 'float', 'float32'], 1.5),
  column('f8', 'double precision', "'-Infinity'", ['DOUBLE', 'double', 'float64'], '-inf'),
  column(
    'exact',
    'numeric(12,3)',
    '123456789.125',
    ['DECIMAL(12,3)', 'decimal128(12, 3)', 'object'],
    '123456789.125',
  ),
  column(
    'widest',
    'numeric(38,10)',
    '-1234567890123456789012345678.0123456789',
    ['DECIMAL(38,10)', 'decimal128(38, 10)', 'object'],
    '-1234567890123456789012345678.0123456789',
  ),
  // No Parquet decimal holds it.
  column(
    'any_number',
    'numeric',
    '12345678901234567890123456789012345678901234567890.5',
    text,
    '12345678901234567890123456789012345678901234567890.5',
  ),
  column('t', 'text', "'ünï\u{1F600}'", text, 'ünï\u{1F600}'),
  column('v', 'varchar(10)', "'short'", text, 'short'),
  column('c', 'char(5)', "'ab'", text, 'ab   '),
  column('bytes', 'bytea', "'\\x00ff61'", ['BLOB', 'binary', 'object'], '00ff61'),
  column('d', 'date', "'2024-02-29'", ['DATE', 'date32[day]', 'object'], '2024-02-29'),
  column('tm', 'time', "'13:14:15.123456'", ['TIME', 'time64[us]', 'object'], '13:14:15.123456'),
  column('tmz', 'timetz', "'13:14:15+02'", text, '13:14:15+02'),
  column(
    'ts',
    'timestamp',
    "'2024-02-29 13:14:15.123456'",
    ['TIMESTAMP', 'timestamp[us]', 'datetime64[us]'],
    '2024-02-29T13:14:15.123456',
  ),
  // An instant: UTC in the file, whatever the session's time zone.
  column(
    'tstz',
    'timestamptz',
    "'2024-02-29 13:14:15.123456+02'",
    ['TIMESTAMP WITH TIME ZONE', 'timestamp[us, tz=UTC]', 'datetime64[us, UTC]'],
    '2024-02-29T11:14:15.123456+00:00',
  ),
  column('iv', 'interval', "'1 month 2 days 03:04:05.5'", text, '1 mon 2 days 03:04:05.5'),
  column('u', 'uuid', `'${uuid}'`, ['UUID', 'extension<arrow.uuid>', 'object'], uuid),
  column('j', 'json', `'{"b":[1,2],  "a":1}'`, text, '{"b":[1,2],  "a":1}'),
  column('jb', 'jsonb', `'{"bb":2.50, "a":null}'`, text, '{"a": null, "bb": 2.50}'),
  column(
    'ints',
    'integer[]',
    "'{1,NULL,3}'",
    ['INTEGER[]', 'list<element: int32>', 'object'],
    [1, null, 3],
  ),
  column('none', 'text[]', "'{}'", ['VARCHAR[]', 'list<element: string>', 'object'], []),
  column(
    'decimals',
    'numeric(10,2)[]',
    "'{1.50,-0.01}'",
    ['DECIMAL(10,2)[]', 'list<element: decimal128(10, 2)>', 'object'],
    ['1.50', '-0.01'],
  ),
  column(
    'instants',
    'timestamptz[]',
    "'{2024-01-01 00:00:00.5+00}'",
    ['TIMESTAMP WITH TIME ZONE[]', 'list<element: timestamp[us, tz=UTC]>', 'object'],
    ['2024-01-01T00:00:00.500000+00:00'],
  ),
  column(
    'uuids',
    'uuid[]',
    `'{${uuid}}'`,
    ['UUID[]', 'list<element: extension<arrow.uuid>>'],
    [uuid],
  ),
];

/** The columns that pgtide adds, with their field ids. */
export const systemColumns: readonly (readonly [name: string, duckdb: string, id: number])[] = [
  ['_seq', 'BIGINT', 2_000_000_001],
  ['_updated', 'TIMESTAMP WITH TIME ZONE', 2_000_000_002],
  ['_deleted', 'BOOLEAN', 2_000_000_003],
  ['_user_id', 'VARCHAR', 2_000_000_004],
];
