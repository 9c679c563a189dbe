/** Arguments of options in a parse tree, read as PostgreSQL's defGetString, defGetBoolean and kin read them. */
import { PgError, SqlState } from '../../base/index.ts';
import { parseInt8 } from '../../types/integer.ts';

/** libpg-query's DefElem, as far as COPY has it. A zero or empty field is left out of the tree. */
export interface OptionNode {
  readonly defname?: string;
  readonly arg?: OptionArgument;
  /** Byte offset in the statement. */
  readonly location?: number;
}

interface OptionArgument {
  readonly String?: { readonly sval?: string };
  readonly Integer?: { readonly ival?: number };
  readonly Float?: { readonly fval?: string };
  readonly Boolean?: { readonly boolval?: boolean };
  readonly A_Star?: object;
  readonly List?: { readonly items?: readonly OptionArgument[] };
}

export function stringOf(node: OptionNode): string {
  const { arg, defname } = node;
  if (arg?.String) return arg.String.sval ?? '';
  if (arg?.Integer) return String(arg.Integer.ival ?? 0);
  if (arg?.Float) return arg.Float.fval ?? '';
  if (arg?.Boolean) return arg.Boolean.boolval === true ? 'true' : 'false';
  if (arg?.A_Star) return '*';
  if (arg?.List) return (arg.List.items ?? []).map((item) => item.String?.sval ?? '').join('.');
  throw new PgError(SqlState.syntaxError, `${defname} requires a parameter`);
}

/** The option as a Boolean (no argument is true), or undefined when it is none. */
export function booleanOf(node: OptionNode): boolean | undefined {
  const { arg } = node;
  if (arg === undefined) return true;
  if (arg.Integer) {
    const value = arg.Integer.ival ?? 0;
    return value === 0 ? false : value === 1 ? true : undefined;
  }
  const word = stringOf(node).toLowerCase();
  if (word === 'true' || word === 'on') return true;
  return word === 'false' || word === 'off' ? false : undefined;
}

/** `*` or a list of column names; anything else is 22023. */
export function namesOf(node: OptionNode, position: number): '*' | readonly string[] {
  if (node.arg?.A_Star) return '*';
  if (node.arg?.List) return (node.arg.List.items ?? []).map((item) => item.String?.sval ?? '');
  throw new PgError(
    SqlState.invalidParameterValue,
    `argument to option "${node.defname}" must be a list of column names`,
    { position },
  );
}

export function rejectLimitOf(node: OptionNode): bigint {
  if (node.arg === undefined) {
    throw new PgError(SqlState.syntaxError, `${node.defname} requires a numeric value`);
  }
  const limit = parseInt8(stringOf(node));
  if (limit <= 0n) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `REJECT_LIMIT (${limit}) must be greater than zero`,
    );
  }
  return limit;
}

/** Encodings that PostgreSQL knows besides UTF8, by pg_char_to_encoding's spelling (letters and digits, lower case). */
const otherEncodings: ReadonlySet<string> = new Set(
  (
    'abc alt big5 euccn eucjis2004 eucjp euckr euctw gb18030 gbk iso88591 iso885910 iso885913 iso885914 iso885915 ' +
    'iso885916 iso88592 iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 johab koi8 koi8r koi8u latin1 ' +
    'latin10 latin2 latin3 latin4 latin5 latin6 latin7 latin8 latin9 mskanji muleinternal shiftjis shiftjis2004 sjis ' +
    'sqlascii tcvn tcvn5712 uhc vscii win win1250 win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258 ' +
    'win866 win874 win932 win936 win949 win950 windows1250 windows1251 windows1252 windows1253 windows1254 ' +
    'windows1255 windows1256 windows1257 windows1258 windows866 windows874 windows932 windows936 windows949 windows950'
  ).split(' '),
);

/** Whether `name` means UTF-8; undefined when PostgreSQL has no such encoding. */
export function isUtf8Name(name: string): boolean | undefined {
  const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (folded === 'utf8' || folded === 'unicode') return true;
  return otherEncodings.has(folded) ? false : undefined;
}
