import { charactersOf } from './characters.ts';
import { PgError, SqlState } from '../../../base/index.ts';

export type Matcher = (text: string) => boolean;

/** Patterns are few and come again with every row. */
const cachedPatternsMax = 1000;
const matchers = new Map<string, Matcher>();

/** A literal character; when not literal `one` stands for `_` and `many` for `%`. */
type Element = string;

/** `\` takes the next character literally; at the pattern's end it is an error, but only when matching gets that far. */
function elementsOf(pattern: string): {
  elements: (readonly [Element, literal: boolean])[];
  dangling: boolean;
} {
  const elements: (readonly [Element, boolean])[] = [];
  let escaped = false;
  for (const character of pattern) {
    if (escaped) {
      elements.push([character, true]);
      escaped = false;
    } else if (character === '\\') escaped = true;
    else if (character === '%') {
      if (elements.at(-1)?.[0] !== 'many' || elements.at(-1)?.[1]) elements.push(['many', false]);
    } else if (character === '_') elements.push(['one', false]);
    else elements.push([character, true]);
  }
  return { elements, dangling: escaped };
}

function likeEscapeError(): PgError {
  return new PgError(
    SqlState.invalidEscapeSequence,
    'LIKE pattern must not end with escape character',
  );
}

/** MatchText of like_match.c, for the rare pattern that ends in a lone escape: where the error comes depends on the way. */
function matchDangling(text: readonly string[], pattern: readonly string[]): boolean | 'abort' {
  let t = 0;
  let p = 0;
  for (; t < text.length && p < pattern.length; t++, p++) {
    if (pattern[p] === '\\') {
      if (++p >= pattern.length) throw likeEscapeError();
      if (pattern[p] !== text[t]) return false;
    } else if (pattern[p] === '%') {
      for (p++; pattern[p] === '%' || pattern[p] === '_'; p++) {
        if (pattern[p] === '_' && t++ >= text.length) return 'abort';
      }
      if (p >= pattern.length) return true;
      if (pattern[p] === '\\' && p + 1 >= pattern.length) throw likeEscapeError();
      const first = pattern[p] === '\\' ? pattern[p + 1] : pattern[p];
      for (; t < text.length; t++) {
        if (text[t] !== first) continue;
        const matched = matchDangling(text.slice(t), pattern.slice(p));
        if (matched !== false) return matched;
      }
      return 'abort';
    } else if (pattern[p] !== '_' && pattern[p] !== text[t]) return false;
  }
  return t >= text.length ? 'abort' : false;
}

function build(pattern: string): Matcher {
  const { elements, dangling } = elementsOf(pattern);
  if (dangling)
    return (value) => matchDangling(charactersOf(value), charactersOf(pattern)) === true;
  const wild = elements.filter(([, literal]) => !literal).map(([element]) => element);
  const text = elements
    .filter(([, literal]) => literal)
    .map(([element]) => element)
    .join('');
  if (wild.length === 0) return (value) => value === text;
  if (!wild.includes('one')) {
    const first = elements[0]![1] === false;
    const last = elements.at(-1)![1] === false;
    if (wild.length === 1 && last) return (value) => value.startsWith(text);
    if (wild.length === 1 && first) return (value) => value.endsWith(text);
    if (wild.length === 2 && first && last) return (value) => value.includes(text);
  }
  return (value) => matchElements(charactersOf(value), elements);
}

/** Greedy matching with one place to go back to, the last `%`: linear in practice, quadratic at worst. */
function matchElements(
  characters: readonly string[],
  elements: readonly (readonly [Element, boolean])[],
): boolean {
  let at = 0;
  let element = 0;
  let backElement = -1;
  let backAt = 0;
  while (at < characters.length) {
    const wanted = elements[element];
    if (wanted && !wanted[1] && wanted[0] === 'many') {
      backElement = ++element;
      backAt = at;
    } else if (wanted && (wanted[1] ? wanted[0] === characters[at] : true)) {
      element++;
      at++;
    } else if (backElement >= 0) {
      element = backElement;
      at = ++backAt;
    } else return false;
  }
  while (element < elements.length && !elements[element]![1] && elements[element]![0] === 'many')
    element++;
  return element === elements.length;
}

/** A matcher for `pattern` with `\` as escape. It throws 22025 when it comes to a lone escape at the pattern's end. */
export function likeMatcher(pattern: string): Matcher {
  const known = matchers.get(pattern);
  if (known) return known;
  const matcher = build(pattern);
  if (matchers.size >= cachedPatternsMax) matchers.clear();
  matchers.set(pattern, matcher);
  return matcher;
}

/** like_escape(): the pattern with `escape` as its escape character, rewritten to use `\`. */
export function likeEscape(pattern: string, escape: string): string {
  const [only, more] = charactersOf(escape);
  if (more !== undefined) {
    throw new PgError(SqlState.invalidEscapeSequence, 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    });
  }
  if (only === undefined) return pattern.replaceAll('\\', '\\\\');
  if (only === '\\') return pattern;
  let result = '';
  let afterEscape = false;
  for (const character of pattern) {
    if (character === only && !afterEscape) {
      result += '\\';
      afterEscape = true;
      continue;
    }
    if (character === '\\') result += afterEscape ? '\\' : '\\\\';
    else result += character;
    afterEscape = false;
  }
  return result;
}
