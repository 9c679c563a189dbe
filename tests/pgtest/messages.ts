/** Messages of scripts: from a line to bytes, and from what the server sent to a line. */
import { shown } from '../support/backend.ts';
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';

type Fields = Readonly<Record<string, unknown>>;

function bytesOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value);
  const hex = (value as { hex?: unknown } | null)?.hex;
  if (typeof hex === 'string') return Buffer.from(hex.replaceAll(' ', ''), 'hex');
  throw new Error(`neither text nor {"hex": …}: ${JSON.stringify(value)}`);
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : []);
const target = (fields: Fields): frontend.Target =>
  fields['portal'] === undefined ? 'statement' : 'portal';

const encoders: Readonly<Record<string, (fields: Fields) => Buffer>> = {
  Query: (f) => frontend.query(text(f['text'])),
  Parse: (f) => frontend.parse(text(f['statement']), text(f['text']), numbers(f['types'])),
  Bind: (f) =>
    frontend.bind({
      portal: text(f['portal']),
      statement: text(f['statement']),
      parameterFormats: numbers(f['parameterFormats']),
      parameters: ((f['parameters'] ?? []) as unknown[]).map((value) =>
        value === null ? null : bytesOf(value),
      ),
      resultFormats: numbers(f['resultFormats']),
    }),
  Describe: (f) => frontend.describe(target(f), text(f[target(f)])),
  Close: (f) => frontend.close(target(f), text(f[target(f)])),
  Execute: (f) => frontend.execute(text(f['portal']), Number(f['rows'] ?? 0)),
  Flush: frontend.flush,
  Sync: frontend.sync,
  Terminate: frontend.terminate,
  CopyData: (f) => frontend.copyData(bytesOf(f['data'])),
  CopyDone: frontend.copyDone,
  CopyFail: (f) => frontend.copyFail(text(f['reason'])),
  FunctionCall: (f) => frontend.functionCall(Number(f['oid'])),
  Password: (f) => frontend.password(text(f['password'])),
  SSLRequest: frontend.sslRequest,
  GSSENCRequest: frontend.gssEncRequest,
  StartupMessage: (f) =>
    frontend.startup((f['parameters'] ?? {}) as Record<string, string>, {
      major: Number(f['major'] ?? 3),
      minor: Number(f['minor'] ?? 0),
    }),
  /** Any message: a type letter and a body. */
  Message: (f) => frontend.message(text(f['type']), bytesOf(f['body'] ?? '')),
  /** Bytes as they are. */
  Bytes: (f) => bytesOf(f['data']),
};

/** A line's name and JSON fields. */
export function parseLine(line: string): { name: string; fields: Fields } {
  const space = line.indexOf(' ');
  if (space < 0) return { name: line, fields: {} };
  return { name: line.slice(0, space), fields: JSON.parse(line.slice(space + 1)) as Fields };
}

export function encodeLine(name: string, fields: Fields): Buffer {
  const encode = encoders[name];
  if (encode === undefined) throw new Error(`no such message: ${name}`);
  return encode(fields);
}

/** Where PostgreSQL's source raised it, and what repeats another field. */
const neverCompared = new Set(['file', 'line', 'routine', 'severityNonlocalized']);

type Field = Readonly<Record<string, string | number>>;

/** The usual values are left out, and the table's OID differs from run to run. */
function shownField(field: Field): Field {
  const { name, tableOid, columnNumber, typeOid, typeSize, typeModifier, format } = field;
  return {
    name: name!,
    ...(tableOid === 0 ? {} : { tableOid: '*' }),
    ...(columnNumber === 0 ? {} : { columnNumber: columnNumber! }),
    typeOid: typeOid!,
    typeSize: typeSize!,
    ...(typeModifier === -1 ? {} : { typeModifier: typeModifier! }),
    ...(format === 0 ? {} : { format: format! }),
  };
}

/** The fields of `message` that scripts compare. `ignored` are names like `ErrorResponse.detail`. */
export function comparable(message: BackendMessage, ignored: ReadonlySet<string>): Fields {
  const { type, ...fields } = message;
  if (type === 'RowDescription') return { fields: (fields['fields'] as Field[]).map(shownField) };
  if (type === 'BackendKeyData') {
    return { processId: '*', secretKeyBytes: (fields['secretKey'] as Buffer).length };
  }
  if (type === 'CopyData') return { data: shown(fields['data'] as Buffer) };
  if (type.startsWith('Authentication')) return {};
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([name]) => !neverCompared.has(name) && !ignored.has(`${type}.${name}`),
    ),
  );
}

export function formatLine(name: string, fields: Fields): string {
  return Object.keys(fields).length === 0 ? name : `${name} ${JSON.stringify(fields)}`;
}

/** Whether `actual` is what `expected` says, where "*" stands for anything. */
export function matches(expected: unknown, actual: unknown): boolean {
  if (expected === '*') return actual !== undefined;
  if (typeof expected !== 'object' || expected === null) return expected === actual;
  if (typeof actual !== 'object' || actual === null) return false;
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return Array.from(keys).every((key) =>
    matches((expected as Fields)[key], (actual as Fields)[key]),
  );
}

/** How COPY's data is cut into messages is the server's choice: what comes in a row becomes one. */
export function joinCopyData(messages: readonly BackendMessage[]): BackendMessage[] {
  const joined: BackendMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (message.type === 'CopyData' && last?.type === 'CopyData') {
      const data = Buffer.concat([last['data'] as Buffer, message['data'] as Buffer]);
      joined[joined.length - 1] = { type: 'CopyData', data };
    } else {
      joined.push(message);
    }
  }
  return joined;
}
