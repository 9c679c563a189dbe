import { charactersOf } from './characters.ts';
import { createHash } from 'node:crypto';
import { PgError, SqlState } from '../../../base/index.ts';
import { castFunction } from '../../../types/cast.ts';
import { Oid } from '../../../types/oid.ts';
import { trimBpchar } from '../../../types/text.ts';
import { characterCount, characterOffset } from '../../../types/utf8.ts';
import type { Value } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { typeOf } from '../type-of.ts';
import { nullableFunctions, strictFunctions, typedFunctions } from './definition.ts';
import type { Call, FunctionEntry, Implementation } from './definition.ts';
import { lower, lowerAscii, upper, upperAscii } from './letter-case.ts';
import { likeEscape, likeMatcher } from './like.ts';

/** MaxAllocSize: bytes of the largest value. */
const valueBytesMax = 0x3fffffff;
const headerBytes = 4;
const int32Max = 2147483647;

function tooLarge(): PgError {
  return new PgError(SqlState.programLimitExceeded, 'requested length too large');
}

function substring(text: string, start: number, length?: number): string {
  const from = Math.max(start, 1);
  if (length === undefined) return text.slice(characterOffset(text, from - 1));
  if (length < 0) {
    throw new PgError(SqlState.substringError, 'negative substring length not allowed');
  }
  const end = start + length;
  if (end > int32Max) return text.slice(characterOffset(text, from - 1));
  if (end < 1) return '';
  const at = characterOffset(text, from - 1);
  const rest = text.slice(at);
  return rest.slice(0, characterOffset(rest, end - from));
}

function overlay(text: string, by: string, start: number, length = characterCount(by)): string {
  if (start <= 0)
    throw new PgError(SqlState.substringError, 'negative substring length not allowed');
  const after = start + length;
  if (after > int32Max) throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
  return substring(text, 1, start - 1) + by + substring(text, after);
}

function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : characterCount(text.slice(0, at)) + 1;
}

function left(text: string, count: number): string {
  const wanted = count < 0 ? characterCount(text) + count : count;
  return wanted <= 0 ? '' : text.slice(0, characterOffset(text, wanted));
}

function right(text: string, count: number): string {
  const skipped = count < 0 ? -count : characterCount(text) - count;
  return skipped <= 0 ? text : text.slice(characterOffset(text, skipped));
}

/** `missing` characters made of `fill` over and over. */
function padding(missing: number, fill: string): string {
  const size = characterCount(fill);
  const whole = fill.repeat(Math.floor(missing / size));
  return whole + fill.slice(0, characterOffset(fill, missing % size));
}

function padded(text: string, length: number, fill: string, join: (pad: string) => string): string {
  const wanted = Math.max(length, 0);
  const size = characterCount(text);
  if (size >= wanted) return text.slice(0, characterOffset(text, wanted));
  if (fill === '') return text;
  if (wanted * 4 + headerBytes > valueBytesMax) throw tooLarge();
  return join(padding(wanted - size, fill));
}

const lpad = (text: string, length: number, fill: string): string =>
  padded(text, length, fill, (pad) => pad + text);
const rpad = (text: string, length: number, fill: string): string =>
  padded(text, length, fill, (pad) => text + pad);

function trim(text: string, characters: string, atStart: boolean, atEnd: boolean): string {
  const set = new Set(characters);
  const all = charactersOf(text);
  let from = 0;
  let to = all.length;
  while (atStart && from < to && set.has(all[from]!)) from++;
  while (atEnd && to > from && set.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0) {
    throw new PgError(SqlState.invalidParameterValue, 'field position must not be zero');
  }
  if (text === '') return '';
  if (delimiter === '') return field === 1 || field === -1 ? text : '';
  const parts = text.split(delimiter);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

function repeat(text: string, count: number): string {
  const times = Math.max(count, 0);
  const bytes = Buffer.byteLength(text) * times + headerBytes;
  if (bytes > valueBytesMax) throw tooLarge();
  return text.repeat(times);
}

function chr(code: number): string {
  const refused = (message: string): PgError => new PgError(SqlState.programLimitExceeded, message);
  if (code < 0) {
    throw new PgError(SqlState.invalidParameterValue, 'character number must be positive');
  }
  if (code === 0) throw refused('null character not permitted');
  if (code > 0x10ffff) throw refused(`requested character too large for encoding: ${code}`);
  if (code >= 0xd800 && code <= 0xdfff) {
    throw refused(`requested character not valid for encoding: ${code}`);
  }
  return String.fromCodePoint(code);
}

function translate(text: string, from: string, to: string): string {
  const targets = charactersOf(to);
  const map = new Map<string, string>();
  charactersOf(from).forEach((character, i) => {
    if (!map.has(character)) map.set(character, targets[i] ?? '');
  });
  let result = '';
  for (const character of text) result += map.get(character) ?? character;
  return result;
}

function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''").replaceAll('\\', '\\\\');
  return `${text.includes('\\') ? 'E' : ''}'${quoted}'`;
}

const hash = (algorithm: string, value: string | Uint8Array): Buffer =>
  createHash(algorithm).update(value).digest();
const md5 = (value: string | Uint8Array): string => hash('md5', value).toString('hex');

const like = (text: string, pattern: string): boolean => likeMatcher(pattern)(text);
const notLike = (text: string, pattern: string): boolean => !likeMatcher(pattern)(text);
const count = characterCount;
const countTrimmed = (text: string): number => characterCount(trimBpchar(text));
const bytes = (text: string): number => Buffer.byteLength(text);

/** pg_collation OIDs whose case mapping we know: the default and pg_c_utf8, which are the same here; C and POSIX. */
const utf8Collations: readonly number[] = [100, 811];
const asciiCollations: readonly number[] = [950, 951];

/** Picks by collation; undefined for others. */
function byCase(
  inDefault: Implementation,
  inAscii: Implementation,
): (call: Call) => Implementation | undefined {
  return ({ collation }) =>
    utf8Collations.includes(collation)
      ? inDefault
      : asciiCollations.includes(collation)
        ? inAscii
        : undefined;
}

/** ILIKE folds both sides first, as it does for every multi-byte encoding. */
const ilike = byCase(
  (text: string, pattern: string) => like(lower(text), lower(pattern)),
  (text: string, pattern: string) => like(lowerAscii(text), lowerAscii(pattern)),
);
const notIlike = byCase(
  (text: string, pattern: string) => !like(lower(text), lower(pattern)),
  (text: string, pattern: string) => !like(lowerAscii(text), lowerAscii(pattern)),
);

type ToText = (value: Value, environment: Environment) => string;

/** What `x::text` gives: the cast where there is one, else the output function. */
function castToText(typeOid: number): ToText {
  const cast = castFunction(typeOid, Oid.text);
  if (cast) return (value, { context }) => cast(value, context.statement.types) as string;
  return outputText(typeOid);
}

/** The type's output function, which concat() uses even where a cast says otherwise (`t`, not `true`). */
function outputText(typeOid: number): ToText {
  const type = typeOf(typeOid);
  return (value, { context }) => type.format(value, context.statement.types);
}

function bindConcat({ argTypes }: Call): Implementation {
  const texts = argTypes.map(outputText);
  const concat = (...args: Value[]): string => {
    const environment = args[texts.length] as unknown as Environment;
    let result = '';
    texts.forEach((toText, i) => {
      if (args[i] !== null) result += toText(args[i]!, environment);
    });
    return result;
  };
  return concat as Implementation;
}

function bindConcatWs({ argTypes }: Call): Implementation {
  const texts = argTypes.map(outputText);
  const concat = (...args: Value[]): Value => {
    const environment = args[texts.length] as unknown as Environment;
    const separator = args[0] as string | null;
    if (separator === null) return null;
    const parts: string[] = [];
    texts.forEach((toText, i) => {
      if (i > 0 && args[i] !== null) parts.push(toText(args[i]!, environment));
    });
    return parts.join(separator);
  };
  return concat as Implementation;
}

export const textFunctions: readonly FunctionEntry[] = [
  ...strictFunctions([
    [1258, 'textcat(text,text)', (l: string, r: string) => l + r],
    [1257, 'textlen(text)', count],
    [1317, 'length(text)', count],
    [1381, 'char_length(text)', count],
    [1369, 'character_length(text)', count],
    [1318, 'length(bpchar)', countTrimmed],
    [1372, 'char_length(bpchar)', countTrimmed],
    [1367, 'character_length(bpchar)', countTrimmed],
    [1374, 'octet_length(text)', bytes],
    [1375, 'octet_length(bpchar)', bytes],
    [936, 'substring(text,int4,int4)', substring],
    [937, 'substring(text,int4)', (text: string, start: number) => substring(text, start)],
    [877, 'substr(text,int4,int4)', substring],
    [883, 'substr(text,int4)', (text: string, start: number) => substring(text, start)],
    [1404, 'overlay(text,text,int4,int4)', overlay],
    [
      1405,
      'overlay(text,text,int4)',
      (text: string, by: string, start: number) => overlay(text, by, start),
    ],
    [849, 'position(text,text)', position],
    [868, 'strpos(text,text)', position],
    [3060, 'left(text,int4)', left],
    [3061, 'right(text,int4)', right],
    [873, 'lpad(text,int4,text)', lpad],
    [879, 'lpad(text,int4)', (text: string, length: number) => lpad(text, length, ' ')],
    [874, 'rpad(text,int4,text)', rpad],
    [880, 'rpad(text,int4)', (text: string, length: number) => rpad(text, length, ' ')],
    [884, 'btrim(text,text)', (text: string, set: string) => trim(text, set, true, true)],
    [885, 'btrim(text)', (text: string) => trim(text, ' ', true, true)],
    [875, 'ltrim(text,text)', (text: string, set: string) => trim(text, set, true, false)],
    [881, 'ltrim(text)', (text: string) => trim(text, ' ', true, false)],
    [876, 'rtrim(text,text)', (text: string, set: string) => trim(text, set, false, true)],
    [882, 'rtrim(text)', (text: string) => trim(text, ' ', false, true)],
    [
      2087,
      'replace(text,text,text)',
      (text: string, from: string, to: string) =>
        from === '' ? text : text.replaceAll(from, () => to),
    ],
    [2088, 'split_part(text,text,int4)', splitPart],
    [3696, 'starts_with(text,text)', (text: string, prefix: string) => text.startsWith(prefix)],
    [3062, 'reverse(text)', (text: string) => charactersOf(text).reverse().join('')],
    [1622, 'repeat(text,int4)', repeat],
    [1620, 'ascii(text)', (text: string) => text.codePointAt(0) ?? 0],
    [1621, 'chr(int4)', chr],
    [878, 'translate(text,text,text)', translate],
    [1283, 'quote_literal(text)', quoteLiteral],
    [2311, 'md5(text)', md5],
    [2321, 'md5(bytea)', md5],
    [3419, 'sha224(bytea)', (value: Uint8Array) => hash('sha224', value)],
    [3420, 'sha256(bytea)', (value: Uint8Array) => hash('sha256', value)],
    [3421, 'sha384(bytea)', (value: Uint8Array) => hash('sha384', value)],
    [3422, 'sha512(bytea)', (value: Uint8Array) => hash('sha512', value)],
    [720, 'octet_length(bytea)', (value: Uint8Array) => value.length],
    [2010, 'length(bytea)', (value: Uint8Array) => value.length],
    [2011, 'byteacat(bytea,bytea)', (l: Uint8Array, r: Uint8Array) => Buffer.concat([l, r])],
    [850, 'textlike(text,text)', like],
    [851, 'textnlike(text,text)', notLike],
    [1569, 'like(text,text)', like],
    [1570, 'notlike(text,text)', notLike],
    [858, 'namelike(name,text)', like],
    [859, 'namenlike(name,text)', notLike],
    [1631, 'bpcharlike(bpchar,text)', like],
    [1632, 'bpcharnlike(bpchar,text)', notLike],
    [1637, 'like_escape(text,text)', likeEscape],
  ]),
  ...typedFunctions([
    [871, 'upper(text)', byCase(upper, upperAscii)],
    [870, 'lower(text)', byCase(lower, lowerAscii)],
    [1633, 'texticlike(text,text)', ilike],
    [1634, 'texticnlike(text,text)', notIlike],
    [1635, 'nameiclike(name,text)', ilike],
    [1636, 'nameicnlike(name,text)', notIlike],
    [1660, 'bpchariclike(bpchar,text)', ilike],
    [1661, 'bpcharicnlike(bpchar,text)', notIlike],
    [
      2004,
      'anytextcat(anynonarray,text)',
      ({ argTypes }) => {
        const toText = castToText(argTypes[0]!);
        return (l: Value, r: string, environment: Environment) => toText(l, environment) + r;
      },
    ],
    [
      2003,
      'textanycat(text,anynonarray)',
      ({ argTypes }) => {
        const toText = castToText(argTypes[1]!);
        return (l: string, r: Value, environment: Environment) => l + toText(r, environment);
      },
    ],
  ]),
  ...nullableFunctions([
    [3058, 'concat(any)', bindConcat],
    [3059, 'concat_ws(text,any)', bindConcatWs],
  ]),
];
