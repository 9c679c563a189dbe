/** Reading what PGlite answers: an iterator over backend messages and readers for the kinds that pgtide looks into. */
import { assert, PgError, SqlState } from '../base/index.ts';
import type { Report, Severity } from '../base/index.ts';

export interface BackendMessage {
  /** The message type, one ASCII character. */
  readonly tag: string;
  /** The body without tag and length; a view, not a copy. */
  readonly body: Buffer;
}

/** Every message of a complete response, in order. */
export function* backendMessages(response: Uint8Array): Generator<BackendMessage> {
  const bytes = Buffer.from(response.buffer, response.byteOffset, response.byteLength);
  let at = 0;
  while (at < bytes.length) {
    assert(at + 5 <= bytes.length, 'truncated backend message header');
    const end = at + 1 + bytes.readInt32BE(at + 1);
    assert(end <= bytes.length && end >= at + 5, 'truncated backend message');
    yield { tag: String.fromCharCode(bytes[at]!), body: bytes.subarray(at + 5, end) };
    at = end;
  }
}

export interface PgliteField {
  readonly name: string;
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typmod: number;
}

/** Body of a RowDescription ('T'). */
export function readRowDescription(body: Buffer): readonly PgliteField[] {
  const fields: PgliteField[] = [];
  const count = body.readUInt16BE(0);
  let at = 2;
  for (let i = 0; i < count; i++) {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    at = end + 1;
    fields.push({
      name,
      tableOid: body.readUInt32BE(at),
      columnNumber: body.readInt16BE(at + 4),
      typeOid: body.readUInt32BE(at + 6),
      typeSize: body.readInt16BE(at + 10),
      typmod: body.readInt32BE(at + 12),
    });
    at += 18;
  }
  return fields;
}

/** Body of a ParameterDescription ('t'). */
export function readParameterDescription(body: Buffer): readonly number[] {
  const count = body.readUInt16BE(0);
  return Array.from({ length: count }, (_, i) => body.readUInt32BE(2 + i * 4));
}

/** Body of a DataRow ('D') whose columns are all in text format. */
export function readTextRow(body: Buffer): (string | null)[] {
  const count = body.readUInt16BE(0);
  const row: (string | null)[] = [];
  let at = 2;
  for (let i = 0; i < count; i++) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) {
      row.push(null);
    } else {
      row.push(body.toString('utf8', at, at + length));
      at += length;
    }
  }
  return row;
}

const severities: ReadonlySet<string> = new Set([
  'ERROR',
  'FATAL',
  'PANIC',
  'WARNING',
  'NOTICE',
  'DEBUG',
  'INFO',
  'LOG',
]);

function severityOf(text: string | undefined): Severity {
  if (text !== undefined && severities.has(text)) return text as Severity;
  // DEBUG1 to DEBUG5 are one severity to clients.
  return text?.startsWith('DEBUG') ? 'DEBUG' : 'ERROR';
}

/** Body of an ErrorResponse ('E') or NoticeResponse ('N'). */
export function readReport(body: Buffer): Report {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    fields.set(String.fromCharCode(body[at]!), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  const number = (key: string): number | undefined => {
    const text = fields.get(key);
    return text === undefined ? undefined : Number(text);
  };
  const all: Report = {
    severity: severityOf(fields.get('V') ?? fields.get('S')),
    code: fields.get('C') ?? SqlState.internalError,
    message: fields.get('M') ?? '',
    detail: fields.get('D'),
    hint: fields.get('H'),
    position: number('P'),
    internalPosition: number('p'),
    internalQuery: fields.get('q'),
    where: fields.get('W'),
    schema: fields.get('s'),
    table: fields.get('t'),
    column: fields.get('c'),
    dataType: fields.get('d'),
    constraint: fields.get('n'),
    file: fields.get('F'),
    line: fields.get('L'),
    routine: fields.get('R'),
  };
  return all;
}

const noticesOf = new WeakMap<PgError, readonly Report[]>();

/** The error of a statement that had given notices. */
export function errorAfter(notices: readonly Report[], report: Report): PgError {
  const error = errorOf(report);
  if (notices.length > 0) noticesOf.set(error, notices);
  return error;
}

/** What a statement had to say before it failed. */
export function noticesBefore(error: unknown): readonly Report[] {
  return (error instanceof PgError && noticesOf.get(error)) || [];
}

/** The error as thrown to callers. */
export function errorOf(report: Report): PgError {
  const { code, message, ...fields } = report;
  return new PgError(code, message, fields);
}

/** ReadyForQuery's status: idle, in a transaction, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** What the handle needs to know of a response without decoding it. */
export interface ResponseSummary {
  readonly status: TransactionStatus | undefined;
  /** A statement ran that may have changed settings behind our back: ROLLBACK, SET, RESET, DISCARD. */
  readonly touchesSettings: boolean;
}

const settingTags = /^(?:ROLLBACK|SET|RESET|DISCARD)/;

export function summarize(response: Uint8Array): ResponseSummary {
  const bytes = Buffer.from(response.buffer, response.byteOffset, response.byteLength);
  let status: TransactionStatus | undefined;
  let touchesSettings = false;
  let at = 0;
  while (at + 5 <= bytes.length) {
    const tag = bytes[at]!;
    const length = bytes.readInt32BE(at + 1);
    if (tag === 0x43 /* C */) {
      const text = bytes.toString('latin1', at + 5, at + length);
      if (settingTags.test(text)) touchesSettings = true;
    } else if (tag === 0x5a /* Z */) {
      status = String.fromCharCode(bytes[at + 5]!) as TransactionStatus;
    }
    at += 1 + length;
  }
  return { status, touchesSettings };
}
