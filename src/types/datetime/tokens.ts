/** Splits date, time and interval input into fields, by the rules of PostgreSQL's "Date/Time Input Interpretation". */
import { badFormat } from './errors.ts';

export type FieldKind = 'number' | 'date' | 'time' | 'zone' | 'word' | 'special';

export interface Field {
  readonly kind: FieldKind;
  /** Lower case. */
  text: string;
}

export type Keyword =
  | { readonly kind: 'month'; readonly value: number }
  | { readonly kind: 'day-of-week' }
  | { readonly kind: 'era'; readonly bc: boolean }
  | { readonly kind: 'meridian'; readonly pm: boolean }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'julian' }
  | { readonly kind: 'iso-time' }
  | { readonly kind: 'unit' }
  | { readonly kind: 'dst' }
  | {
      readonly kind: 'reserved';
      readonly value:
        | 'now'
        | 'today'
        | 'tomorrow'
        | 'yesterday'
        | 'epoch'
        | 'infinity'
        | '-infinity'
        | 'allballs';
    };

const keywords = new Map<string, Keyword>();

const months: readonly string[] = [
  'jan january',
  'feb february',
  'mar march',
  'apr april',
  'may',
  'jun june',
  'jul july',
  'aug august',
  'sep sept september',
  'oct october',
  'nov november',
  'dec december',
];
months.forEach((names, index) => {
  for (const name of names.split(' ')) keywords.set(name, { kind: 'month', value: index + 1 });
});
const weekDays =
  'sun sunday mon monday tue tues tuesday wed wednesday weds thu thur thurs thursday fri friday sat saturday';
for (const name of weekDays.split(' ')) keywords.set(name, { kind: 'day-of-week' });
for (const name of [
  'now',
  'today',
  'tomorrow',
  'yesterday',
  'epoch',
  'infinity',
  '-infinity',
  'allballs',
] as const) {
  keywords.set(name, { kind: 'reserved', value: name });
}
keywords.set('+infinity', { kind: 'reserved', value: 'infinity' });
keywords.set('bc', { kind: 'era', bc: true });
keywords.set('ad', { kind: 'era', bc: false });
keywords.set('am', { kind: 'meridian', pm: false });
keywords.set('pm', { kind: 'meridian', pm: true });
keywords.set('at', { kind: 'ignore' });
keywords.set('on', { kind: 'ignore' });
keywords.set('t', { kind: 'iso-time' });
keywords.set('dst', { kind: 'dst' });
for (const name of ['j', 'jd', 'julian']) keywords.set(name, { kind: 'julian' });
for (const name of ['d', 'dow', 'doy', 'h', 'isodow', 'isoyear', 'm', 's', 'y']) {
  keywords.set(name, { kind: 'unit' });
}

/** Words are told apart by their first ten letters (TOKMAXLEN). */
const keywordLength = 10;

export function findKeyword(word: string): Keyword | undefined {
  return keywords.get(word.length > keywordLength ? word.slice(0, keywordLength) : word);
}

const isSpace = (c: string): boolean =>
  c === ' ' || c === '\t' || c === '\n' || c === '\v' || c === '\f' || c === '\r';
const isDigit = (c: string): boolean => c >= '0' && c <= '9' && c.length === 1;
const isAlpha = (c: string): boolean => /^[a-zA-Z]$/.test(c);
const isPunctuation = (c: string): boolean => /^[!-/:-@[-`{-~]$/.test(c);

const digitsAt = /\d*/y;
const timeAt = /[\d:.]*/y;
const lettersAt = /[a-zA-Z]*/y;
const zoneNameAt = /[A-Za-z0-9+\-/_.:]*/y;
const offsetAt = /[\d:.-]*/y;
const spacesAt = /[ \t\n\v\f\r]*/y;

function take(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)![0];
}

/** Longest input that PostgreSQL's buffer takes (MAXDATELEN + MAXDATEFIELDS), and most fields. */
const inputLengthMax = 154;
const fieldsMax = 25;

/** A field that starts with a digit: time, date or number. */
function numericField(text: string, at: number): { kind: FieldKind; end: number } {
  let end = at + take(digitsAt, text, at).length;
  const next = text[end] ?? '';
  if (next === ':') return { kind: 'time', end: end + take(timeAt, text, end).length };
  if (next !== '-' && next !== '/' && next !== '.') return { kind: 'number', end };
  const delimiter = next;
  end++;
  const after = text[end] ?? '';
  if (isDigit(after)) {
    const digits = take(digitsAt, text, end).length;
    end += digits;
    if (text[end] !== delimiter) return { kind: delimiter === '.' ? 'number' : 'date', end };
    // The same delimiter again: surely a date.
    end++;
    while (end < text.length && (isDigit(text[end]!) || text[end] === delimiter)) end++;
    return { kind: 'date', end };
  }
  while (
    end < text.length &&
    (isDigit(text[end]!) || isAlpha(text[end]!) || text[end] === delimiter)
  )
    end++;
  return { kind: 'date', end };
}

/** A field that starts with a letter: keyword, date with a month's name, or time zone name. */
function wordField(text: string, at: number): { kind: FieldKind; end: number } {
  const end = at + take(lettersAt, text, at).length;
  const next = text[end] ?? '';
  let compound = next === '-' || next === '/' || next === '.';
  if (next === '+' || isDigit(next)) compound = !keywords.has(text.slice(at, end).toLowerCase());
  if (!compound) return { kind: 'word', end };
  return { kind: 'date', end: end + take(zoneNameAt, text, end).length };
}

export function splitFields(text: string): Field[] {
  if (text.length > inputLengthMax) throw badFormat();
  const fields: Field[] = [];
  const push = (kind: FieldKind, from: string): void => {
    fields.push({ kind, text: from.toLowerCase() });
  };
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (isSpace(character)) {
      at++;
      continue;
    }
    if (fields.length >= fieldsMax) throw badFormat();
    if (isDigit(character)) {
      const { kind, end } = numericField(text, at);
      push(kind, text.slice(at, end));
      at = end;
    } else if (character === '.') {
      const end = at + 1 + take(digitsAt, text, at + 1).length;
      push('number', text.slice(at, end));
      at = end;
    } else if (isAlpha(character)) {
      const { kind, end } = wordField(text, at);
      push(kind, text.slice(at, end));
      at = end;
    } else if (character === '+' || character === '-') {
      const start = at + 1 + take(spacesAt, text, at + 1).length;
      const next = text[start] ?? '';
      if (isDigit(next)) at = start + take(offsetAt, text, start).length;
      else if (isAlpha(next)) at = start + take(lettersAt, text, start).length;
      else throw badFormat();
      push(isDigit(next) ? 'zone' : 'special', character + text.slice(start, at));
    } else if (isPunctuation(character)) {
      // Ignored, but it separates.
      at++;
    } else {
      throw badFormat();
    }
  }
  return fields;
}
