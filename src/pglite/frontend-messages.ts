/**
 * The few frontend messages (PostgreSQL docs, "Message Formats") that go to PGlite. Strings are UTF-8; a string that
 * holds a NUL byte cannot be sent and is 22021.
 */
import { PgError, SqlState } from '../base/index.ts';

function cstring(text: string): Buffer {
  const bytes = Buffer.from(`${text}\0`, 'utf8');
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw new PgError(
      SqlState.characterNotInRepertoire,
      'invalid byte sequence for encoding "UTF8": 0x00',
    );
  }
  return bytes;
}

function message(tag: string, ...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.allocUnsafe(5);
  let length = 4;
  for (const part of parts) length += part.length;
  head.writeUInt8(tag.charCodeAt(0), 0);
  head.writeInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** Simple query: one or more statements. */
export function queryMessage(text: string): Buffer {
  return message('Q', cstring(text));
}

/** Parse of the unnamed statement (or of `name`); a parameter type of 0 is for the server to infer. */
export function parseMessage(text: string, paramTypes: readonly number[] = [], name = ''): Buffer {
  const types = Buffer.allocUnsafe(2 + paramTypes.length * 4);
  types.writeUInt16BE(paramTypes.length, 0);
  paramTypes.forEach((oid, i) => types.writeUInt32BE(oid, 2 + i * 4));
  return message('P', cstring(name), cstring(text), types);
}

/** Bind's values as they go over the wire; formats by Bind's rule (none: text, one: for all). */
export interface BindValues {
  readonly formats: readonly number[];
  readonly values: readonly (Uint8Array | null)[];
  readonly resultFormats: readonly number[];
}

/** Bind of the unnamed portal to the unnamed statement. */
export function bindValuesMessage(bind: BindValues): Buffer {
  const parts: Uint8Array[] = [cstring(''), cstring(''), int16(bind.formats.length)];
  for (const format of bind.formats) parts.push(int16(format));
  parts.push(int16(bind.values.length));
  for (const value of bind.values) {
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    parts.push(length);
    if (value !== null) parts.push(value);
  }
  parts.push(int16(bind.resultFormats.length));
  for (const format of bind.resultFormats) parts.push(int16(format));
  return message('B', ...parts);
}

/** The same with text parameters and text results. */
export function bindMessage(params: readonly (string | null)[]): Buffer {
  const values = params.map((param) => (param === null ? null : Buffer.from(param, 'utf8')));
  return bindValuesMessage({ formats: [], values, resultFormats: [] });
}

export function describeStatementMessage(name = ''): Buffer {
  return message('D', Buffer.from('S'), cstring(name));
}

export function describePortalMessage(): Buffer {
  return message('D', Buffer.from('P'), cstring(''));
}

/** Execute of the unnamed portal, all rows. */
export function executeMessage(): Buffer {
  return message('E', cstring(''), Buffer.alloc(4));
}

export function syncMessage(): Buffer {
  return message('S');
}
