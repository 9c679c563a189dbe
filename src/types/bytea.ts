import { PgError, SqlState } from '../base/index.ts';
import { defineType } from './define-type.ts';
import { writeKeyBytes } from './key-writer.ts';
import { Oid } from './oid.ts';

function parseHex(text: string): Uint8Array {
  const hex = text.slice(2);
  if (hex.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(hex))
    return Uint8Array.from(Buffer.from(hex, 'hex'));
  const bytes: number[] = [];
  for (let at = 0; at < hex.length;) {
    // White space may stand between bytes, not inside one.
    if (' \n\t\r'.includes(hex[at]!)) {
      at++;
      continue;
    }
    const high = hexDigit(hex, at);
    if (at + 1 >= hex.length) {
      throw new PgError(
        SqlState.invalidParameterValue,
        'invalid hexadecimal data: odd number of digits',
      );
    }
    bytes.push(high * 16 + hexDigit(hex, at + 1));
    at += 2;
  }
  return Uint8Array.from(bytes);
}

function hexDigit(hex: string, at: number): number {
  const character = String.fromCodePoint(hex.codePointAt(at)!);
  if (!/^[0-9a-fA-F]$/.test(character)) {
    throw new PgError(SqlState.invalidParameterValue, `invalid hexadecimal digit: "${character}"`);
  }
  return parseInt(character, 16);
}

const backslash = 0x5c;

function parseEscape(text: string): Uint8Array {
  const source = Buffer.from(text, 'utf8');
  const bytes = new Uint8Array(source.length);
  let used = 0;
  for (let at = 0; at < source.length;) {
    const byte = source[at]!;
    if (byte !== backslash) {
      bytes[used++] = byte;
      at++;
    } else if (source[at + 1] === backslash) {
      bytes[used++] = backslash;
      at += 2;
    } else {
      const octal = /^[0-3][0-7][0-7]/.exec(source.toString('latin1', at + 1, at + 4));
      if (!octal) {
        throw new PgError(
          SqlState.invalidTextRepresentation,
          'invalid input syntax for type bytea',
        );
      }
      bytes[used++] = parseInt(octal[0], 8);
      at += 4;
    }
  }
  return bytes.slice(0, used);
}

function formatEscape(value: Uint8Array): string {
  let text = '';
  for (const byte of value) {
    if (byte === backslash) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

const view = (value: Uint8Array): Buffer =>
  Buffer.from(value.buffer, value.byteOffset, value.byteLength);

export const byteaType = defineType<Uint8Array>({
  oid: Oid.bytea,
  name: 'bytea',
  sqlName: 'bytea',
  size: -1,
  parse: (text) => (text.startsWith('\\x') ? parseHex(text) : parseEscape(text)),
  format: (value, context) =>
    context.byteaOutput === 'hex' ? `\\x${view(value).toString('hex')}` : formatEscape(value),
  // A copy: what came in may be a view of the network's buffer.
  decode: (bytes) => Uint8Array.from(bytes),
  encode: (value) => value,
  compare: (left, right) => Buffer.compare(left, right),
  encodeKey: writeKeyBytes,
});
