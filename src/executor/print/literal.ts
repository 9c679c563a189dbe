import { assert } from '../../base/index.ts';
import { enumLabelListType } from '../../types/enum-type.ts';
import { pgType } from '../../types/registry.ts';
import type { TypeContext } from '../../types/type.ts';
import { defaultTypeContext } from '../../types/type.ts';
import type { Value } from '../../types/value.ts';

/** Styles in which every value reads back as itself whatever the reading session's settings are. */
const neutral: TypeContext = { ...defaultTypeContext, intervalStyle: 'iso_8601' };

/** A value's text that PostgreSQL's input function reads back exactly under any DateStyle, TimeZone and IntervalStyle. */
export function valueText(value: Exclude<Value, null>, typeOid: number): string {
  const type = pgType(typeOid);
  if (type) return type.format(value, neutral);
  // Arrays of enums are the only ones of a type of the catalog's.
  if (typeof value === 'object' && 'elements' in value)
    return enumLabelListType.format(value, neutral);
  // `unknown` and "char" are text, regclass and its like are OIDs.
  assert(
    typeof value === 'string' || typeof value === 'number',
    `values of type ${typeOid} are decoded by a type of ours`,
  );
  return String(value);
}

/** A string literal that means the same whatever standard_conforming_strings says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * The string literal that stands at byte `location` of a statement: its content, undefined when something else stands
 * there. Knows '…', E'…' without escapes other than doubled quotes, and $tag$…$tag$.
 */
export function literalAt(text: string, location: number): string | undefined {
  if (location < 0) return undefined;
  const rest = Buffer.from(text, 'utf8').subarray(location).toString('utf8');
  const plain = /^(?:[eE])?'((?:[^']|'')*)'/.exec(rest);
  if (plain) {
    if (/^[eE]/.test(rest) && plain[1]!.includes('\\')) return undefined;
    return plain[1]!.replaceAll("''", "'");
  }
  const dollar = /^(\$(?:[A-Za-z_][\w]*)?\$)([\s\S]*?)\1/.exec(rest);
  return dollar?.[2];
}
