import { PgError, SqlState, notSupported } from '../../base/index.ts';
import { checkCopyOptions } from './check-options.ts';
import type { OptionNode } from './option-value.ts';
import { booleanOf, isUtf8Name, namesOf, rejectLimitOf, stringOf } from './option-value.ts';

export type CopyDirection = 'from' | 'to';

/** Column names, or all columns (`FORCE_QUOTE *`). */
export type CopyColumnNames = '*' | readonly string[];

/** The options of one COPY, checked and with PostgreSQL's defaults filled in (PostgreSQL 18, "COPY", Parameters). */
export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary';
  /** One byte. */
  readonly delimiter: string;
  readonly null: string;
  /** The marker that stands for the column's default; undefined without one. */
  readonly default: string | undefined;
  /** For a table that the transaction itself has made or emptied only. */
  readonly freeze: boolean;
  readonly header: boolean | 'match';
  /** One byte; used by csv. */
  readonly quote: string;
  /** One byte; used by csv. */
  readonly escape: string;
  readonly forceQuote: CopyColumnNames;
  readonly forceNotNull: CopyColumnNames;
  readonly forceNull: CopyColumnNames;
  readonly onError: 'stop' | 'ignore';
  /** Rows that ON_ERROR ignore may skip; undefined is no limit. */
  readonly rejectLimit: bigint | undefined;
  readonly logVerbosity: 'silent' | 'default' | 'verbose';
}

/** What the statement says, before defaults. */
export interface GivenOptions {
  format?: CopyOptions['format'];
  delimiter?: string;
  null?: string;
  default?: string;
  header?: boolean | 'match';
  quote?: string;
  escape?: string;
  forceQuote?: CopyColumnNames;
  forceNotNull?: CopyColumnNames;
  forceNull?: CopyColumnNames;
  onError?: CopyOptions['onError'];
  rejectLimit?: bigint;
  logVerbosity?: CopyOptions['logVerbosity'];
  encoding?: true;
  freeze?: boolean;
}

/** Turns a node's byte offset in the statement into a 1-based position in characters. */
export type PositionOf = (location: number) => number;

interface Given {
  readonly node: OptionNode;
  readonly name: string;
  readonly position: number;
  readonly direction: CopyDirection;
}

function oneOf<T extends string>(option: string, given: Given, allowed: readonly T[]): T {
  const value = stringOf(given.node);
  const found = allowed.find((word) => word === value.toLowerCase());
  if (found !== undefined) return found;
  throw new PgError(SqlState.invalidParameterValue, `COPY ${option} "${value}" not recognized`, {
    position: given.position,
  });
}

function formatOf({ node, position }: Given): CopyOptions['format'] {
  const value = stringOf(node);
  if (value === 'text' || value === 'csv' || value === 'binary') return value;
  throw new PgError(SqlState.invalidParameterValue, `COPY format "${value}" not recognized`, {
    position,
  });
}

function headerOf({ node, name, direction }: Given): boolean | 'match' {
  const value = booleanOf(node);
  if (value !== undefined) return value;
  if (stringOf(node).toLowerCase() !== 'match') {
    throw new PgError(SqlState.syntaxError, `${name} requires a Boolean value or "match"`);
  }
  if (direction === 'to') {
    throw new PgError(SqlState.featureNotSupported, `cannot use "match" with HEADER in COPY TO`);
  }
  return 'match';
}

function freezeOf({ node, name }: Given): boolean {
  const value = booleanOf(node);
  if (value === undefined) {
    throw new PgError(SqlState.syntaxError, `${name} requires a Boolean value`);
  }
  return value;
}

function onErrorOf(given: Given): CopyOptions['onError'] {
  if (given.direction === 'to') {
    throw new PgError(SqlState.invalidParameterValue, 'COPY ON_ERROR cannot be used with COPY TO', {
      position: given.position,
    });
  }
  return oneOf('ON_ERROR', given, ['stop', 'ignore']);
}

function encodingOf({ node, name, position }: Given): true {
  const encoding = stringOf(node);
  const known = isUtf8Name(encoding);
  if (known === undefined) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `argument to option "${name}" must be a valid encoding name`,
      { position },
    );
  }
  if (!known) throw notSupported(`COPY with encoding "${encoding}"`, { position });
  return true;
}

/** Per option: where it goes and how its argument is read. */
const readers: Readonly<Record<string, (given: Given, into: GivenOptions) => void>> = {
  format: (given, into) => (into.format = formatOf(given)),
  freeze: (given, into) => (into.freeze = freezeOf(given)),
  delimiter: ({ node }, into) => (into.delimiter = stringOf(node)),
  null: ({ node }, into) => (into.null = stringOf(node)),
  default: ({ node }, into) => (into.default = stringOf(node)),
  header: (given, into) => (into.header = headerOf(given)),
  quote: ({ node }, into) => (into.quote = stringOf(node)),
  escape: ({ node }, into) => (into.escape = stringOf(node)),
  force_quote: ({ node, position }, into) => (into.forceQuote = namesOf(node, position)),
  force_not_null: ({ node, position }, into) => (into.forceNotNull = namesOf(node, position)),
  force_null: ({ node, position }, into) => (into.forceNull = namesOf(node, position)),
  encoding: (given, into) => (into.encoding = encodingOf(given)),
  on_error: (given, into) => (into.onError = onErrorOf(given)),
  log_verbosity: (given, into) =>
    (into.logVerbosity = oneOf('LOG_VERBOSITY', given, ['silent', 'default', 'verbose'])),
  reject_limit: ({ node }, into) => (into.rejectLimit = rejectLimitOf(node)),
};

/**
 * Reads the option list of a parsed COPY (libpg-query's `CopyStmt.options`; the old syntax parses to the same list).
 * Errors are PostgreSQL's. Client encodings other than UTF-8 are 0A000.
 */
export function readCopyOptions(
  nodes: readonly unknown[],
  direction: CopyDirection,
  positionOf: PositionOf = (location) => location + 1,
): CopyOptions {
  const given: GivenOptions = {};
  const seen = new Set<string>();
  for (const wrapped of nodes) {
    const node = (wrapped as { readonly DefElem: OptionNode }).DefElem;
    const name = node.defname ?? '';
    const position = positionOf(node.location ?? 0);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) {
      throw new PgError(SqlState.syntaxError, `option "${name}" not recognized`, { position });
    }
    if (seen.has(name)) {
      throw new PgError(SqlState.syntaxError, 'conflicting or redundant options', { position });
    }
    seen.add(name);
    read({ node, name, position, direction }, given);
  }
  checkCopyOptions(given, direction);
  return withDefaults(given);
}

function withDefaults(given: GivenOptions): CopyOptions {
  const csv = given.format === 'csv';
  const quote = given.quote ?? '"';
  return {
    format: given.format ?? 'text',
    delimiter: given.delimiter ?? (csv ? ',' : '\t'),
    null: given.null ?? (csv ? '' : '\\N'),
    default: given.default,
    freeze: given.freeze ?? false,
    header: given.header ?? false,
    quote,
    escape: given.escape ?? quote,
    forceQuote: given.forceQuote ?? [],
    forceNotNull: given.forceNotNull ?? [],
    forceNull: given.forceNull ?? [],
    onError: given.onError ?? 'stop',
    rejectLimit: given.rejectLimit,
    logVerbosity: given.logVerbosity ?? 'default',
  };
}
