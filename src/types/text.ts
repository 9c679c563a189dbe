import { PgError, SqlState } from '../base/index.ts';
import { defineType } from './define-type.ts';
import { writeKeyText } from './key-writer.ts';
import { Oid } from './oid.ts';
import { characterCount, characterOffset, compareUtf8, decodeUtf8, encodeUtf8 } from './utf8.ts';

/** varchar(n) and char(n) keep n + 4 as their typmod. */
const typmodHeader = 4;

/** Bytes of a name, without the terminating zero (NAMEDATALEN - 1). */
export const nameBytesMax = 63;

function tooLong(type: string, limit: number): PgError {
  return new PgError(
    SqlState.stringDataRightTruncation,
    `value too long for type ${type}(${limit})`,
  );
}

/** Cuts to `limit` characters; only blanks may be lost unless the cast is explicit. */
function cut(value: string, limit: number, explicit: boolean, type: string): string {
  const end = characterOffset(value, limit);
  if (!explicit && !/^ *$/.test(value.slice(end))) throw tooLong(type, limit);
  return value.slice(0, end);
}

function applyVarchar(value: string, typmod: number, explicit: boolean): string {
  const limit = typmod - typmodHeader;
  if (limit < 0 || value.length <= limit || characterCount(value) <= limit) return value;
  return cut(value, limit, explicit, 'character varying');
}

function applyBpchar(value: string, typmod: number, explicit: boolean): string {
  const limit = typmod - typmodHeader;
  if (limit < 0) return value;
  const count = characterCount(value);
  if (count === limit) return value;
  if (count < limit) return value + ' '.repeat(limit - count);
  return cut(value, limit, explicit, 'character');
}

/** bpchar without its trailing blanks: what it is worth in comparisons and as text. */
export function trimBpchar(value: string): string {
  let end = value.length;
  while (end > 0 && value.charCodeAt(end - 1) === 32) end--;
  return end === value.length ? value : value.slice(0, end);
}

/** As much of `value` as a name holds, in whole characters. */
export function truncateName(value: string): string {
  if (value.length * 3 <= nameBytesMax || Buffer.byteLength(value) <= nameBytesMax) return value;
  let bytes = 0;
  let end = 0;
  for (const character of value) {
    bytes += Buffer.byteLength(character);
    if (bytes > nameBytesMax) break;
    end += character.length;
  }
  return value.slice(0, end);
}

export const textType = defineType<string>({
  oid: Oid.text,
  name: 'text',
  sqlName: 'text',
  size: -1,
  parse: (text) => text,
  format: (value) => value,
  decode: decodeUtf8,
  encode: encodeUtf8,
  compare: compareUtf8,
  encodeKey: writeKeyText,
});

export const varcharType = defineType<string>({
  oid: Oid.varchar,
  name: 'varchar',
  sqlName: 'character varying',
  size: -1,
  parse: (text, typmod) => applyVarchar(text, typmod, false),
  format: (value) => value,
  decode: (bytes, typmod) => applyVarchar(decodeUtf8(bytes), typmod, false),
  encode: encodeUtf8,
  applyTypmod: applyVarchar,
  compare: compareUtf8,
  encodeKey: writeKeyText,
});

export const bpcharType = defineType<string>({
  oid: Oid.bpchar,
  name: 'bpchar',
  sqlName: 'character',
  size: -1,
  parse: (text, typmod) => applyBpchar(text, typmod, false),
  format: (value) => value,
  decode: (bytes, typmod) => applyBpchar(decodeUtf8(bytes), typmod, false),
  encode: encodeUtf8,
  applyTypmod: applyBpchar,
  compare: (left, right) => compareUtf8(trimBpchar(left), trimBpchar(right)),
  encodeKey: (writer, value) => writeKeyText(writer, trimBpchar(value)),
});

export const nameType = defineType<string>({
  oid: Oid.name,
  name: 'name',
  sqlName: 'name',
  size: 64,
  parse: truncateName,
  format: (value) => value,
  decode(bytes) {
    if (bytes.length > nameBytesMax) {
      throw new PgError(SqlState.nameTooLong, 'identifier too long', {
        detail: 'Identifier must be less than 64 characters.',
      });
    }
    return decodeUtf8(bytes);
  },
  encode: encodeUtf8,
  compare: compareUtf8,
  encodeKey: writeKeyText,
});
