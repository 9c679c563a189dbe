/** Rows as JSON lines, each value as PostgreSQL's to_json writes it: digits as they are, timestamps in ISO 8601, json in one line. */
import type { Field, TextRow } from './submit.ts';

type Encoder = (text: string) => string;

const numberText = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** NaN and infinities are no JSON numbers. */
const number: Encoder = (text) => (numberText.test(text) ? text : JSON.stringify(text));
const string: Encoder = (text) => JSON.stringify(text);
/** `2026-11-21 15:04:05.5+00` is `2026-11-21T15:04:05.5+00:00`. */
const timestamp: Encoder = (text) =>
  JSON.stringify(
    text
      .replace(/^(\d{4,}-\d{2}-\d{2}) /, '$1T')
      .replace(/([+-]\d{2})$/, (offset: string) => (text.includes(' ') ? `${offset}:00` : offset)),
  );
/** A newline in json's text is a space between its tokens: within strings it is escaped. */
const json: Encoder = (text) => text.replaceAll(/[\r\n]+/g, ' ');

const encoders: ReadonlyMap<number, Encoder> = new Map([
  [16, (text) => (text === 't' ? 'true' : 'false')],
  ...[20, 21, 23, 26, 700, 701, 1700].map((oid) => [oid, number] as const),
  ...[114, 3802].map((oid) => [oid, json] as const),
  ...[1114, 1184].map((oid) => [oid, timestamp] as const),
]);

/** Array types by the types of their elements. */
const elementTypes: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [199, 114],
  [3807, 3802],
  [1115, 1114],
  [1185, 1184],
  ...[1001, 1002, 1003, 1009, 1014, 1015, 1182, 1183, 1187, 1270, 2951].map(
    (oid) => [oid, 25] as const,
  ),
]);

/** `{1,NULL,"a b"}` as a JSON array; nested ones nest. https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO */
export function arrayJson(text: string, element: Encoder): string {
  // Bounds other than 1 stand before it: [0:1]={…}.
  let at = text.indexOf('{');
  let out = '';
  const separators = new Set([',', '}']);
  while (at < text.length) {
    const character = text[at]!;
    if (character === '{' || character === '}' || character === ',') {
      out += character === '{' ? '[' : character === '}' ? ']' : ',';
      at++;
    } else if (character === '"') {
      let value = '';
      for (at++; text[at] !== '"' && at < text.length; at++) {
        if (text[at] === '\\') at++;
        value += text[at];
      }
      at++;
      out += element(value);
    } else {
      const from = at;
      while (at < text.length && !separators.has(text[at]!)) at++;
      const value = text.slice(from, at);
      out += value === 'NULL' ? 'null' : element(value);
    }
  }
  return out;
}

function encoderOf(oid: number): Encoder {
  const element = elementTypes.get(oid);
  if (element === undefined) return encoders.get(oid) ?? string;
  const encode = encoders.get(element) ?? string;
  return (text) => arrayJson(text, encode);
}

/** Column names as keys: of equal ones the second is `name_2`, so that no value is lost. */
export function keysOf(fields: readonly Field[]): readonly string[] {
  const taken = new Set<string>();
  return fields.map(({ name }) => {
    let key = name;
    for (let n = 2; taken.has(key); n++) key = `${name}_${n}`;
    taken.add(key);
    return key;
  });
}

/** Makes the line of each row of a result with these columns. */
export function jsonLines(fields: readonly Field[]): (row: TextRow) => string {
  const columns = keysOf(fields).map((key, at) => ({
    key: JSON.stringify(key),
    encode: encoderOf(fields[at]!.dataTypeID),
  }));
  return (row) => {
    const members = columns.map(({ key, encode }, at) => {
      const value = row[at] ?? null;
      return `${key}:${value === null ? 'null' : encode(value)}`;
    });
    return `{${members.join(',')}}\n`;
  };
}
