import { Unprintable } from '../../executor/print/index.ts';
import type { Argument, ShippableRow, Translation } from './shippable.ts';
import { constantInteger, constantText, raise, requireByteCollation, simple } from './shippable.ts';

const lowerLetters = 'abcdefghijklmnopqrstuvwxyz';
const upperLetters = lowerLetters.toUpperCase();

const fn =
  (words: (...args: string[]) => string, result: 'VARCHAR' | 'INTEGER' | 'BOOLEAN'): Translation =>
  (args) => ({
    sql:
      result === 'INTEGER'
        ? `CAST(${words(...args.map((arg) => arg.sql))} AS INTEGER)`
        : words(...args.map((arg) => arg.sql)),
    type: simple(result),
  });

/**
 * Letters whose case only one of the two knows (the Unicode of PostgreSQL's C.UTF-8 is newer than DuckDB's, and
 * DuckDB has a capital sharp s), as classes of RE2. The differential test goes through every code point.
 */
const disputedUpper = '[\\x{df}\\x{19b}\\x{264}\\x{1c8a}\\x{a7cd}\\x{a7db}\\x{10d70}-\\x{10d85}]';
const disputedLower = '[\\x{1c89}\\x{a7cb}-\\x{a7cc}\\x{a7da}\\x{a7dc}\\x{10d50}-\\x{10d65}]';

/** Under C and POSIX only ASCII letters have case; under the default collation those of C.UTF-8. */
const letterCase =
  (name: 'lower' | 'upper'): Translation =>
  ([arg], { inputCollation }) => {
    const x = arg!.sql;
    const ascii = `strlen(${x}) = length(${x})`;
    if (inputCollation === 100) {
      const disputed = name === 'lower' ? disputedLower : disputedUpper;
      return {
        sql: `CASE WHEN NOT (${ascii}) AND regexp_matches(${x}, '${disputed}') THEN ${raise('a letter of another Unicode')} ELSE ${name}(${x}) END`,
        type: simple('VARCHAR'),
      };
    }
    if (inputCollation !== 950 && inputCollation !== 951) {
      throw new Unprintable(`a collation with OID ${inputCollation}`);
    }
    const [from, to] =
      name === 'lower' ? [upperLetters, lowerLetters] : [lowerLetters, upperLetters];
    return {
      sql: `CASE WHEN ${ascii} THEN ${name}(${x}) ELSE translate(${x}, '${from}', '${to}') END`,
      type: simple('VARCHAR'),
    };
  };

/** PostgreSQL's LIKE escapes by backslash unless told otherwise; DuckDB's by nothing. */
const like =
  (negated: boolean): Translation =>
  ([value, pattern], { inputCollation }) => {
    requireByteCollation(inputCollation);
    return {
      sql: `(${value!.sql} ${negated ? 'NOT ' : ''}LIKE ${pattern!.sql} ESCAPE '\\')`,
      type: simple('BOOLEAN'),
    };
  };

/** PostgreSQL folds both sides with lower() too. */
const ilike =
  (negated: boolean): Translation =>
  (args, facts) => {
    const lower = letterCase('lower');
    const folded = args.map((arg): Argument => ({ ...arg, sql: lower([arg], facts).sql }));
    return like(negated)(folded, facts);
  };

/** DuckDB counts from the end where PostgreSQL goes on before the start: constants inside the string's range only. */
const substring: Translation = ([value, start, length]) => {
  const from = constantInteger(start, 'a start of a substring');
  if (from < 1) throw new Unprintable(`substring from ${from}`);
  if (!length) return { sql: `substring(${value!.sql}, ${from})`, type: simple('VARCHAR') };
  const count = constantInteger(length, 'a length of a substring');
  if (count < 0) throw new Unprintable(`substring for ${count}`);
  return { sql: `substring(${value!.sql}, ${from}, ${count})`, type: simple('VARCHAR') };
};

const end =
  (name: 'left' | 'right'): Translation =>
  ([value, count]) => {
    const n = constantInteger(count, `a length in ${name}()`);
    if (n < 0) throw new Unprintable(`${name}() with a negative length`);
    return { sql: `${name}(${value!.sql}, ${n})`, type: simple('VARCHAR') };
  };

const splitPart: Translation = ([value, delimiter, field]) => {
  const by = constantText(delimiter, 'a delimiter of split_part()');
  const n = constantInteger(field, 'a field of split_part()');
  if (by === '' || n < 1) throw new Unprintable('split_part() from the end or by nothing');
  return { sql: `split_part(${value!.sql}, ${delimiter!.sql}, ${n})`, type: simple('VARCHAR') };
};

const trim =
  (name: 'trim' | 'ltrim' | 'rtrim'): Translation =>
  ([value, characters]) => ({
    sql: `${name}(${value!.sql}, ${characters ? characters.sql : "' '"})`,
    type: simple('VARCHAR'),
  });

/** Types whose text is the same in both. */
const sameText: ReadonlySet<string> = new Set(['VARCHAR', 'SMALLINT', 'INTEGER', 'BIGINT', 'UUID']);

const asText = (arg: Argument): string => {
  if (arg.type === undefined || !sameText.has(arg.type.name)) {
    throw new Unprintable('the text of a value that DuckDB writes otherwise');
  }
  return `CAST(${arg.sql} AS VARCHAR)`;
};

const concatenate: Translation = (args) => ({
  sql: `(${args.map(asText).join(' || ')})`,
  type: simple('VARCHAR'),
});

/** Text. Left out: regular expressions, format, padding, anything that knows of a locale. */
export const text: readonly ShippableRow[] = [
  [1258, 'textcat(text, text)', concatenate],
  [2003, 'textanycat(text, anynonarray)', concatenate],
  [2004, 'anytextcat(anynonarray, text)', concatenate],
  [870, 'lower(text)', letterCase('lower')],
  [871, 'upper(text)', letterCase('upper')],
  [1317, 'length(text)', fn((x) => `length(${x})`, 'INTEGER')],
  [1369, 'character_length(text)', fn((x) => `length(${x})`, 'INTEGER')],
  [1381, 'char_length(text)', fn((x) => `length(${x})`, 'INTEGER')],
  [1374, 'octet_length(text)', fn((x) => `strlen(${x})`, 'INTEGER')],
  [850, 'textlike(text, text)', like(false)],
  [851, 'textnlike(text, text)', like(true)],
  [1569, 'like(text, text)', like(false)],
  [1570, 'notlike(text, text)', like(true)],
  [1633, 'texticlike(text, text)', ilike(false)],
  [1634, 'texticnlike(text, text)', ilike(true)],
  [936, 'substring(text, integer, integer)', substring],
  [937, 'substring(text, integer)', substring],
  [877, 'substr(text, integer, integer)', substring],
  [883, 'substr(text, integer)', substring],
  [3060, 'left(text, integer)', end('left')],
  [3061, 'right(text, integer)', end('right')],
  [868, 'strpos(text, text)', fn((x, y) => `strpos(${x}, ${y})`, 'INTEGER')],
  [849, 'position(text, text)', fn((x, y) => `strpos(${x}, ${y})`, 'INTEGER')],
  [2087, 'replace(text, text, text)', fn((x, y, z) => `replace(${x}, ${y}, ${z})`, 'VARCHAR')],
  [3696, 'starts_with(text, text)', fn((x, y) => `starts_with(${x}, ${y})`, 'BOOLEAN')],
  [885, 'btrim(text)', trim('trim')],
  [884, 'btrim(text, text)', trim('trim')],
  [881, 'ltrim(text)', trim('ltrim')],
  [875, 'ltrim(text, text)', trim('ltrim')],
  [882, 'rtrim(text)', trim('rtrim')],
  [876, 'rtrim(text, text)', trim('rtrim')],
  [2088, 'split_part(text, text, integer)', splitPart],
  [2311, 'md5(text)', fn((x) => `md5(${x})`, 'VARCHAR')],
  [401, 'text(character)', fn((x) => `rtrim(${x}, ' ')`, 'VARCHAR')],
  [406, 'text(name)', fn((x) => x, 'VARCHAR')],
  [2971, 'text(boolean)', fn((x) => `CAST(${x} AS VARCHAR)`, 'VARCHAR')],
];
