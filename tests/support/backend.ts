/** Reads the server's half of the wire protocol for tests: bytes to plain objects that compare and print well. */

/** `type` is the message's name in PostgreSQL's docs; the other fields are named as there, in camel case. */
export interface BackendMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

const errorFieldNames: Readonly<Record<string, string>> = {
  S: 'severity',
  V: 'severityNonlocalized',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
};

class Cursor {
  private at = 0;
  readonly body: Buffer;
  constructor(body: Buffer) {
    this.body = body;
  }
  byte(): number {
    return this.body[this.at++]!;
  }
  int16(): number {
    this.at += 2;
    return this.body.readInt16BE(this.at - 2);
  }
  int32(): number {
    this.at += 4;
    return this.body.readInt32BE(this.at - 4);
  }
  uint32(): number {
    return this.int32() >>> 0;
  }
  cstring(): string {
    const end = this.body.indexOf(0, this.at);
    const text = this.body.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }
  bytes(count: number): Buffer {
    this.at += count;
    return this.body.subarray(this.at - count, this.at);
  }
  rest(): Buffer {
    return this.bytes(this.body.length - this.at);
  }
  get done(): boolean {
    return this.at >= this.body.length;
  }
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** Printable UTF-8 as it is, anything else as `\x` and hex digits. */
export function shown(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const printable = !/[\u0000-\u0008\u000e-\u001f\u007f\uFFFD]/.test(text);
  return printable ? text : `\\x${bytes.toString('hex')}`;
}

function copyResponse(cursor: Cursor): Record<string, unknown> {
  const format = cursor.byte();
  return { format, columnFormats: times(cursor.int16(), () => cursor.int16()) };
}

function report(cursor: Cursor): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (let code = cursor.byte(); code !== 0; code = cursor.byte()) {
    const letter = String.fromCharCode(code);
    fields[errorFieldNames[letter] ?? letter] = cursor.cstring();
  }
  return fields;
}

const authenticationNames: Readonly<Record<number, string>> = {
  0: 'AuthenticationOk',
  3: 'AuthenticationCleartextPassword',
  5: 'AuthenticationMD5Password',
  10: 'AuthenticationSASL',
  11: 'AuthenticationSASLContinue',
  12: 'AuthenticationSASLFinal',
};

type Decode = (cursor: Cursor) => BackendMessage;
const empty =
  (type: string): Decode =>
  () => ({ type });

const decoders: Readonly<Record<string, Decode>> = {
  R: (c) => ({ type: authenticationNames[c.int32()] ?? 'Authentication', data: c.rest() }),
  K: (c) => ({ type: 'BackendKeyData', processId: c.int32(), secretKey: c.rest() }),
  S: (c) => ({ type: 'ParameterStatus', name: c.cstring(), value: c.cstring() }),
  Z: (c) => ({ type: 'ReadyForQuery', status: String.fromCharCode(c.byte()) }),
  v: (c) => ({
    type: 'NegotiateProtocolVersion',
    minor: c.int32() & 0xffff,
    options: times(c.int32(), () => c.cstring()),
  }),
  1: empty('ParseComplete'),
  2: empty('BindComplete'),
  3: empty('CloseComplete'),
  n: empty('NoData'),
  s: empty('PortalSuspended'),
  I: empty('EmptyQueryResponse'),
  c: empty('CopyDone'),
  C: (c) => ({ type: 'CommandComplete', tag: c.cstring() }),
  t: (c) => ({ type: 'ParameterDescription', types: times(c.int16(), () => c.uint32()) }),
  T: (c) => ({
    type: 'RowDescription',
    fields: times(c.int16(), () => ({
      name: c.cstring(),
      tableOid: c.uint32(),
      columnNumber: c.int16(),
      typeOid: c.uint32(),
      typeSize: c.int16(),
      typeModifier: c.int32(),
      format: c.int16(),
    })),
  }),
  D: (c) => ({
    type: 'DataRow',
    values: times(c.int16(), () => {
      const length = c.int32();
      return length < 0 ? null : shown(c.bytes(length));
    }),
  }),
  d: (c) => ({ type: 'CopyData', data: c.rest() }),
  G: (c) => ({ type: 'CopyInResponse', ...copyResponse(c) }),
  H: (c) => ({ type: 'CopyOutResponse', ...copyResponse(c) }),
  W: (c) => ({ type: 'CopyBothResponse', ...copyResponse(c) }),
  E: (c) => ({ type: 'ErrorResponse', ...report(c) }),
  N: (c) => ({ type: 'NoticeResponse', ...report(c) }),
  A: (c) => ({
    type: 'NotificationResponse',
    processId: c.int32(),
    channel: c.cstring(),
    payload: c.cstring(),
  }),
};

/** Whole messages at the start of `bytes`, and what is left. Throws on an unknown type or a body that does not end where it should. */
export function decodeBackend(bytes: Buffer): { messages: BackendMessage[]; rest: Buffer } {
  const messages: BackendMessage[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    const letter = String.fromCharCode(bytes[at]!);
    const decode = decoders[letter];
    if (decode === undefined) throw new Error(`unknown message type ${JSON.stringify(letter)}`);
    const cursor = new Cursor(bytes.subarray(at + 5, end));
    const decoded = decode(cursor);
    if (!cursor.done) throw new Error(`bytes left in ${decoded.type}`);
    messages.push(decoded);
    at = end;
  }
  return { messages, rest: bytes.subarray(at) };
}
