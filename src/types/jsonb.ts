import { insufficientData } from './input-error.ts';
import { PgError, SqlState } from '../base/index.ts';
import { defineType } from './define-type.ts';
import type { JsonNode, JsonPair } from './json.ts';
import { parseJson } from './json.ts';
import { writeKeyInt32, writeKeyText } from './key-writer.ts';
import { numericCompare } from './numeric.ts';
import { parseNumeric, writeKeyNumeric } from './numeric-type.ts';
import { Oid } from './oid.ts';
import type { KeyWriter } from './type.ts';
import { compareUtf8, decodeUtf8 } from './utf8.ts';

const escapeNames: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A JSON string literal as PostgreSQL writes it (escape_json). */
export function quoteJson(text: string): string {
  const escaped = text.replace(
    /["\\]|[^ -\uffff]/g,
    (character) =>
      escapeNames[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

/** Order in which jsonb stores keys: by length in bytes, then by bytes. */
function compareStoredKeys(left: string, right: string): number {
  const byLength = Buffer.byteLength(left) - Buffer.byteLength(right);
  return byLength === 0 ? compareUtf8(left, right) : byLength;
}

function storedPairs(pairs: readonly JsonPair[]): JsonPair[] {
  const last = new Map<string, JsonPair>();
  for (const pair of pairs) last.set(pair.key, pair);
  return [...last.values()].sort((left, right) => compareStoredKeys(left.key, right.key));
}

/** Brings a document into jsonb's form: keys sorted, the last duplicate kept, numbers as numeric writes them. */
export function canonicalJson(node: JsonNode): JsonNode {
  switch (node.kind) {
    case 'number':
      return { kind: 'number', text: parseNumeric(node.text) };
    case 'array':
      return { kind: 'array', items: node.items.map(canonicalJson) };
    case 'object': {
      const pairs = node.pairs.map(({ key, value }) => ({ key, value: canonicalJson(value) }));
      return { kind: 'object', pairs: storedPairs(pairs) };
    }
    default:
      return node;
  }
}

/** PostgreSQL's output of a canonical document: `{"a": 1, "b": [1, 2]}`. */
export function jsonbText(node: JsonNode): string {
  switch (node.kind) {
    case 'null':
      return 'null';
    case 'bool':
      return String(node.value);
    case 'number':
      return node.text;
    case 'string':
      return quoteJson(node.value);
    case 'array':
      return `[${node.items.map(jsonbText).join(', ')}]`;
    case 'object':
      return `{${node.pairs.map(({ key, value }) => `${quoteJson(key)}: ${jsonbText(value)}`).join(', ')}}`;
  }
}

/** jsonb_in */
export function parseJsonb(text: string): string {
  return jsonbText(canonicalJson(parseJson(text, true)));
}

/** Order of the kinds among each other (jbvNull … jbvObject). */
const kindRank = { null: 1, string: 2, number: 3, bool: 4, array: 5, object: 6 } as const;

const compareSizes = (left: number, right: number): number =>
  left < right ? -1 : left > right ? 1 : 0;

function compareNodes(left: JsonNode, right: JsonNode): number {
  if (left.kind === 'string' && right.kind === 'string')
    return compareUtf8(left.value, right.value);
  if (left.kind === 'number' && right.kind === 'number')
    return numericCompare(left.text, right.text);
  if (left.kind === 'bool' && right.kind === 'bool')
    return Number(left.value) - Number(right.value);
  if (left.kind === 'array' && right.kind === 'array') {
    let order = compareSizes(left.items.length, right.items.length);
    for (let i = 0; order === 0 && i < left.items.length; i++) {
      order = compareNodes(left.items[i]!, right.items[i]!);
    }
    return order;
  }
  if (left.kind === 'object' && right.kind === 'object') {
    let order = compareSizes(left.pairs.length, right.pairs.length);
    for (let i = 0; order === 0 && i < left.pairs.length; i++) {
      const l = left.pairs[i]!;
      const r = right.pairs[i]!;
      order = compareUtf8(l.key, r.key) || compareNodes(l.value, r.value);
    }
    return order;
  }
  return compareSizes(kindRank[left.kind], kindRank[right.kind]);
}

const isScalar = (node: JsonNode): boolean => node.kind !== 'array' && node.kind !== 'object';

/**
 * jsonb's btree order. At the top a scalar counts as an array of one, less than any real array of one: so an empty
 * array sorts below `null`, as PostgreSQL's documentation admits.
 */
function compareDocuments(left: JsonNode, right: JsonNode): number {
  const leftScalar = isScalar(left);
  if (leftScalar === isScalar(right)) return compareNodes(left, right);
  if (!leftScalar) return -compareDocuments(right, left);
  return right.kind === 'array' && right.items.length === 0 ? 1 : -1;
}

function writeNode(writer: KeyWriter, node: JsonNode): void {
  writer.byte(kindRank[node.kind]);
  switch (node.kind) {
    case 'null':
      return;
    case 'bool':
      return writer.byte(node.value ? 1 : 0);
    case 'number':
      return writeKeyNumeric(writer, node.text);
    case 'string':
      return writeKeyText(writer, node.value);
    case 'array':
      writeKeyInt32(writer, node.items.length);
      for (const item of node.items) writeNode(writer, item);
      return;
    case 'object':
      writeKeyInt32(writer, node.pairs.length);
      for (const { key, value } of node.pairs) {
        writeKeyText(writer, key);
        writeNode(writer, value);
      }
  }
}

function writeDocument(writer: KeyWriter, node: JsonNode): void {
  if (node.kind === 'object') return writeNode(writer, node);
  // Count, then whether it is a real array, then the elements: see compareDocuments.
  const items = node.kind === 'array' ? node.items : [node];
  writer.byte(kindRank.array);
  writeKeyInt32(writer, items.length);
  writer.byte(node.kind === 'array' ? 1 : 0);
  for (const item of items) writeNode(writer, item);
}

const binaryVersion = 1;

export const jsonbType = defineType<string>({
  oid: Oid.jsonb,
  name: 'jsonb',
  sqlName: 'jsonb',
  size: -1,
  parse: parseJsonb,
  format: (value) => value,
  decode(bytes) {
    if (bytes.length === 0) throw insufficientData();
    if (bytes[0] !== binaryVersion) {
      throw new PgError(SqlState.internalError, `unsupported jsonb version number ${bytes[0]}`);
    }
    return parseJsonb(decodeUtf8(bytes.subarray(1)));
  },
  encode: (value) => Buffer.from(`\u0001${value}`, 'utf8'),
  compare: (left, right) =>
    left === right ? 0 : compareDocuments(parseJson(left, true), parseJson(right, true)),
  encodeKey: (writer, value) => writeDocument(writer, parseJson(value, true)),
});
