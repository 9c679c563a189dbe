import { parseJson } from '../../../types/json.ts';
import type { JsonNode } from '../../../types/json.ts';
import { jsonbText } from '../../../types/jsonb.ts';
import { numericCompare } from '../../../types/numeric.ts';
import type { PgArray, Value } from '../../../types/value.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';

/** Documents parsed lately: a row's column is often asked for several fields. */
const parsedDocumentsMax = 64;
const parsed = new Map<string, JsonNode>();

function parse(text: string): JsonNode {
  const known = parsed.get(text);
  if (known) return known;
  const node = parseJson(text, true);
  if (parsed.size >= parsedDocumentsMax) parsed.clear();
  parsed.set(text, node);
  return node;
}

type JsonArray = JsonNode & { readonly kind: 'array' };

function field(node: JsonNode, key: string): JsonNode | undefined {
  if (node.kind !== 'object') return undefined;
  return node.pairs.findLast((pair) => pair.key === key)?.value;
}

function element(node: JsonNode, at: number): JsonNode | undefined {
  if (node.kind !== 'array') return undefined;
  return node.items[at < 0 ? node.items.length + at : at];
}

/** A scalar document is an array of one to `->`. */
function rootElement(node: JsonNode, at: number): JsonNode | undefined {
  if (node.kind === 'array' || node.kind === 'object') return element(node, at);
  return at === 0 || at === -1 ? node : undefined;
}

const asJsonb = (node: JsonNode | undefined): string | null => (node ? jsonbText(node) : null);

/** `->>`: a string without its quotes; JSON null is NULL. */
function asText(node: JsonNode | undefined): string | null {
  if (!node || node.kind === 'null') return null;
  return node.kind === 'string' ? node.value : jsonbText(node);
}

const integerStep = /^[ \t\n\v\f\r]*([+-]?\d+)$/;

/** `#>`: each step a key of an object or an index of an array. */
function follow(text: string, path: PgArray): JsonNode | undefined {
  let node: JsonNode | undefined = parse(text);
  for (const step of path.elements) {
    if (!node || step === null) return undefined;
    if (node.kind === 'object') node = field(node, step as string);
    else if (node.kind === 'array') {
      const index = integerStep.exec(step as string);
      const at: number = index ? Number(index[1]) : NaN;
      node = at >= -2147483648 && at <= 2147483647 ? element(node, at) : undefined;
    } else return undefined;
  }
  return node;
}

function hasKey(text: string, key: string): boolean {
  const node = parse(text);
  if (node.kind === 'object') return node.pairs.some((pair) => pair.key === key);
  if (node.kind === 'string') return node.value === key;
  return (
    node.kind === 'array' && node.items.some((item) => item.kind === 'string' && item.value === key)
  );
}

const strings = (keys: PgArray): string[] =>
  keys.elements.filter((key) => key !== null) as string[];

function sameScalar(left: JsonNode, right: JsonNode): boolean {
  switch (left.kind) {
    case 'null':
      return right.kind === 'null';
    case 'number':
      return right.kind === 'number' && numericCompare(left.text, right.text) === 0;
    case 'string':
    case 'bool':
      return right.kind === left.kind && right.value === left.value;
    default:
      return false;
  }
}

function contains(whole: JsonNode, part: JsonNode): boolean {
  if (part.kind === 'object') {
    return (
      whole.kind === 'object' &&
      part.pairs.every((pair) => {
        const own = field(whole, pair.key);
        return own !== undefined && contains(own, pair.value);
      })
    );
  }
  if (part.kind === 'array') {
    return whole.kind === 'array' && part.items.every((wanted) => holds(whole, wanted));
  }
  return sameScalar(whole, part);
}

function holds(array: JsonArray, wanted: JsonNode): boolean {
  return array.items.some((item) => item.kind === wanted.kind && contains(item, wanted));
}

/** `@>`: an array also contains a scalar that is one of its elements, at the top only. */
function containsDocument(left: string, right: string): boolean {
  const [whole, part] = [parse(left), parse(right)];
  const isScalar = part.kind !== 'object' && part.kind !== 'array';
  if (whole.kind === 'array' && isScalar) return holds(whole, part);
  return contains(whole, part);
}

const typeName = (text: string): string => {
  const { kind } = parse(text);
  return kind === 'bool' ? 'boolean' : kind;
};

export const jsonbFunctions: readonly FunctionEntry[] = strictFunctions([
  [
    3478,
    'jsonb_object_field(jsonb,text)',
    (text: string, key: string) => asJsonb(field(parse(text), key)),
  ],
  [
    3214,
    'jsonb_object_field_text(jsonb,text)',
    (text: string, key: string) => asText(field(parse(text), key)),
  ],
  [
    3215,
    'jsonb_array_element(jsonb,int4)',
    (text: string, at: number) => asJsonb(rootElement(parse(text), at)),
  ],
  [
    3216,
    'jsonb_array_element_text(jsonb,int4)',
    (text: string, at: number) => asText(rootElement(parse(text), at)),
  ],
  [
    3217,
    'jsonb_extract_path(jsonb,_text)',
    (text: string, path: PgArray) => asJsonb(follow(text, path)),
  ],
  [
    3940,
    'jsonb_extract_path_text(jsonb,_text)',
    (text: string, path: PgArray) => asText(follow(text, path)),
  ],
  [4047, 'jsonb_exists(jsonb,text)', hasKey],
  [
    4048,
    'jsonb_exists_any(jsonb,_text)',
    (text: string, keys: PgArray) => strings(keys).some((key) => hasKey(text, key)),
  ],
  [
    4049,
    'jsonb_exists_all(jsonb,_text)',
    (text: string, keys: PgArray) => strings(keys).every((key) => hasKey(text, key)),
  ],
  [4046, 'jsonb_contains(jsonb,jsonb)', containsDocument],
  [4050, 'jsonb_contained(jsonb,jsonb)', (l: string, r: string): Value => containsDocument(r, l)],
  [3210, 'jsonb_typeof(jsonb)', typeName],
]);
