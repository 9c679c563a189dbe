/** A statement's answer as text: what the `.out` files hold. */
import type { BackendMessage } from '../support/backend.ts';

/** pg_type names of the OIDs in row descriptions, so that types are compared and can be read. */
const typeNames: Readonly<Record<number, string>> = {
  16: 'bool',
  17: 'bytea',
  18: 'char',
  19: 'name',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'text',
  26: 'oid',
  114: 'json',
  700: 'float4',
  701: 'float8',
  705: 'unknown',
  1000: 'bool[]',
  1007: 'int4[]',
  1009: 'text[]',
  1016: 'int8[]',
  1021: 'float4[]',
  1022: 'float8[]',
  1042: 'bpchar',
  1043: 'varchar',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1115: 'timestamp[]',
  1182: 'date[]',
  1184: 'timestamptz',
  1186: 'interval',
  1231: 'numeric[]',
  1266: 'timetz',
  1700: 'numeric',
  2205: 'regclass',
  2206: 'regtype',
  2249: 'record',
  2278: 'void',
  2950: 'uuid',
  2951: 'uuid[]',
  3802: 'jsonb',
};

interface Field {
  readonly name: string;
  readonly typeOid: number;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One line each, so that an answer can be read line by line. */
const oneLine = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');

function report(message: BackendMessage): string[] {
  const lines = [
    `${text(message['severity'])} ${text(message['code'])}: ${oneLine(text(message['message']))}`,
  ];
  for (const name of ['detail', 'hint', 'table', 'column', 'constraint']) {
    const value = message[name];
    if (value !== undefined) lines.push(`  ${name}: ${oneLine(text(value))}`);
  }
  return lines;
}

function row(values: readonly (string | null)[]): string {
  const shown = values.map((value) =>
    value === null ? '\\N' : oneLine(value).replaceAll('|', '\\|'),
  );
  return `|${shown.join('|')}`;
}

/**
 * `(a int4, b text)` for a row description, `|1|x` for a row (`\N` for NULL), command tags as they are, errors and notices with
 * SQLSTATE, message and the fields that tell what they are about. Rows are sorted when `unordered`.
 */
export function render(messages: readonly BackendMessage[], unordered: boolean): string {
  const lines: string[] = [];
  let rows: string[] = [];
  // How far a statement got before it failed says nothing of its meaning.
  const failed = messages.some(({ type }) => type === 'ErrorResponse');
  for (const message of messages) {
    if (failed && (message.type === 'DataRow' || message.type === 'RowDescription')) continue;
    if (message.type === 'DataRow') {
      rows.push(row(message['values'] as (string | null)[]));
      continue;
    }
    lines.push(...(unordered ? rows.toSorted() : rows));
    rows = [];
    if (message.type === 'RowDescription') {
      const fields = message['fields'] as readonly Field[];
      const list = fields.map(({ name, typeOid }) => `${name} ${typeNames[typeOid] ?? 'other'}`);
      lines.push(`(${list.join(', ')})`);
    } else if (message.type === 'CommandComplete') {
      lines.push(text(message['tag']));
    } else if (message.type === 'ErrorResponse' || message.type === 'NoticeResponse') {
      lines.push(...report(message));
    } else if (message.type === 'EmptyQueryResponse') {
      lines.push('(empty)');
    }
  }
  return lines.join('\n');
}

/** Whether the answer is an error with that SQLSTATE. */
export const isError = (output: string, code: string): boolean =>
  output.startsWith(`ERROR ${code}:`);
