/** The client's half of the wire protocol for tests: each function gives one message's bytes. */

/** A message of `type` (one letter, '' for start-up packets) whose body is `parts` one after the other. */
export function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(type.length + 4);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, type.length);
  return Buffer.concat([head, body]);
}

export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
export const int8 = (value: number): Buffer => Buffer.from([value]);
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export const sslRequest = (): Buffer => message('', int32((1234 << 16) | 5679));
export const gssEncRequest = (): Buffer => message('', int32((1234 << 16) | 5680));

export function cancelRequest(processId: number, secretKey: Uint8Array): Buffer {
  return message('', int32((1234 << 16) | 5678), int32(processId), Buffer.from(secretKey));
}

export function startup(
  parameters: Readonly<Record<string, string>>,
  version: { major: number; minor: number } = { major: 3, minor: 0 },
): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [
    cstring(name),
    cstring(value),
  ]);
  return message('', int32((version.major << 16) | version.minor), ...pairs, int8(0));
}

export const query = (text: string): Buffer => message('Q', cstring(text));

export function parse(statement: string, text: string, types: readonly number[] = []): Buffer {
  return message('P', cstring(statement), cstring(text), int16(types.length), ...types.map(int32));
}

export interface BindOptions {
  readonly portal?: string;
  readonly statement?: string;
  readonly parameterFormats?: readonly number[];
  readonly parameters?: readonly (Uint8Array | string | null)[];
  readonly resultFormats?: readonly number[];
}

export function bind(options: BindOptions = {}): Buffer {
  const parameters = (options.parameters ?? []).map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  const formats = (codes: readonly number[] = []): Buffer =>
    Buffer.concat([int16(codes.length), ...codes.map(int16)]);
  return message(
    'B',
    cstring(options.portal ?? ''),
    cstring(options.statement ?? ''),
    formats(options.parameterFormats),
    int16(parameters.length),
    ...parameters,
    formats(options.resultFormats),
  );
}

export type Target = 'statement' | 'portal';
const subtype = (target: Target): Buffer => Buffer.from(target === 'statement' ? 'S' : 'P');

export const describe = (target: Target, name = ''): Buffer =>
  message('D', subtype(target), cstring(name));
export const close = (target: Target, name = ''): Buffer =>
  message('C', subtype(target), cstring(name));
export const execute = (portal = '', rowsMax = 0): Buffer =>
  message('E', cstring(portal), int32(rowsMax));
export const flush = (): Buffer => message('H');
export const sync = (): Buffer => message('S');
export const terminate = (): Buffer => message('X');
export const copyData = (data: Uint8Array | string): Buffer => message('d', Buffer.from(data));
export const copyDone = (): Buffer => message('c');
export const copyFail = (reason: string): Buffer => message('f', cstring(reason));
export const functionCall = (oid: number): Buffer =>
  message('F', int32(oid), int16(0), int16(0), int16(0));
export const password = (text: string): Buffer => message('p', cstring(text));
