/** jsonb's stored form (src/include/utils/jsonb.h) to the text that jsonb_out gives. */
import { assert } from '../base/index.ts';
import { numericText } from './datum-numeric.ts';

const countMask = 0x0fffffff;
const scalarFlag = 0x10000000;
const objectFlag = 0x20000000;

const entryLengthMask = 0x0fffffff;
const entryTypeMask = 0x70000000;

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** escape_json: only what must be. */
function quoted(text: string): string {
  const escaped = text.replace(
    /["\\\u0000-\u001f]/g,
    (char) => escapes.get(char) ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

/** `at` is the root container's header. */
export function jsonbText(bytes: Buffer, at: number): string {
  const header = bytes.readUInt32LE(at);
  const count = header & countMask;
  const isObject = (header & objectFlag) !== 0;
  const entries = isObject ? count * 2 : count;
  const base = at + 4 + entries * 4;
  const texts: string[] = [];
  let offset = 0;
  for (let i = 0; i < entries; i++) {
    const entry = bytes.readUInt32LE(at + 4 + i * 4);
    // An entry holds its length or, every so often, the offset of its end.
    const end = entry >>> 31 === 1 ? entry & entryLengthMask : offset + (entry & entryLengthMask);
    texts.push(entryText(bytes, base, offset, end, entry & entryTypeMask));
    offset = end;
  }
  if ((header & scalarFlag) !== 0) return texts[0]!;
  if (!isObject) return `[${texts.join(', ')}]`;
  const pairs: string[] = [];
  for (let i = 0; i < count; i++) pairs.push(`${texts[i]!}: ${texts[count + i]!}`);
  return `{${pairs.join(', ')}}`;
}

function entryText(bytes: Buffer, base: number, from: number, to: number, type: number): string {
  const alignedFrom = base + ((from + 3) & ~3);
  switch (type) {
    case 0x00000000:
      return quoted(bytes.toString('utf8', base + from, base + to));
    case 0x10000000: {
      const short = (bytes[alignedFrom]! & 1) === 1;
      return numericText(bytes, alignedFrom + (short ? 1 : 4), base + to);
    }
    case 0x20000000:
      return 'false';
    case 0x30000000:
      return 'true';
    case 0x40000000:
      return 'null';
    default:
      assert(type === 0x50000000, 'unknown jsonb entry type');
      return jsonbText(bytes, alignedFrom);
  }
}
