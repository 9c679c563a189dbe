import { PgError, SqlState } from '../base/index.ts';
import { checkSize, invalidInput } from './input-error.ts';
import { defineType } from './define-type.ts';
import { Oid } from './oid.ts';

/** The words that boolin knows, each with its shortest unique prefix. */
const words: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
];

function parseBool(text: string): boolean {
  if (text === 't' || text === 'true') return true;
  if (text === 'f' || text === 'false') return false;
  const word = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '').toLowerCase();
  for (const [full, shortest, value] of words) {
    if (word.length >= shortest && full.startsWith(word)) return value;
  }
  throw invalidInput('boolean', text);
}

export const boolType = defineType<boolean>({
  oid: Oid.bool,
  name: 'bool',
  sqlName: 'boolean',
  size: 1,
  parse: parseBool,
  format: (value) => (value ? 't' : 'f'),
  decode(bytes) {
    // One byte is read by pq_getmsgbyte, whose words are its own.
    if (bytes.length === 0)
      throw new PgError(SqlState.protocolViolation, 'no data left in message');
    checkSize(bytes, 1);
    return bytes[0] !== 0;
  },
  encode: (value) => Uint8Array.of(value ? 1 : 0),
  compare: (left, right) => Number(left) - Number(right),
  encodeKey: (writer, value) => writer.byte(value ? 1 : 0),
});
