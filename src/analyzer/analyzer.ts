/** Statements to typed trees, by asking PostgreSQL. */
import { SqlState } from '../base/index.ts';
import type { PgError, Report } from '../base/index.ts';
import {
  backendMessages,
  bindMessage,
  describeStatementMessage,
  errorOf,
  parseMessage,
  readParameterDescription,
  readReport,
  readRowDescription,
  syncMessage,
} from '../pglite/index.ts';
import type { PgliteHandle, QueryResult, SessionSettings } from '../pglite/index.ts';
import { readQueries } from './read-tree.ts';
import { dependsOnClock, statementCache } from './statement-cache.ts';
import type { Analyzed, FieldDescription, Query } from './tree.ts';

/** Server parameters that the analyzer's PGlite instance must be opened with. */
export const analyzerParameters: Readonly<Record<string, string>> = {
  debug_print_rewritten: 'on',
  debug_pretty_print: 'off',
  // The tree comes to the client as a LOG message.
  client_min_messages: 'log',
};

/**
 * Settings on which the meaning of a statement depends: they are applied before it is analyzed and are part of the cache's
 * key. All others are left alone.
 */
const relevantSettings: ReadonlySet<string> = new Set([
  'array_nulls',
  'backslash_quote',
  'createrole_self_grant',
  'datestyle',
  'default_text_search_config',
  'default_transaction_read_only',
  'escape_string_warning',
  'intervalstyle',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'role',
  'row_security',
  'search_path',
  'session_authorization',
  'standard_conforming_strings',
  'timezone',
  'timezone_abbreviations',
  'transform_null_equals',
  'xmlbinary',
  'xmloption',
]);

export interface AnalyzeOptions {
  /**
   * false: neither look in the cache nor add to it. For sessions whose own transaction has changed the mirror's catalog
   * and not committed yet.
   */
  readonly cache?: boolean;
}

export interface Analyzer {
  /**
   * Names, types and rewrites one statement. `paramTypes` may hold 0 for types to be inferred, or be shorter than the
   * number of parameters. `settings` are the session's, by lower-case name.
   * @throws PgError PostgreSQL's own, positions counted in `text`
   */
  analyze(
    text: string,
    paramTypes: readonly number[],
    settings: SessionSettings,
    options?: AnalyzeOptions,
  ): Promise<Analyzed>;
  /** What `analyze` would find in its cache, at once; undefined when it must ask the mirror. */
  cached(
    text: string,
    paramTypes: readonly number[],
    settings: SessionSettings,
  ): Analyzed | undefined;
  /**
   * What PostgreSQL's planner says of the statement with these parameters (text): the error of a constant that it computes.
   * Undefined: nothing.
   */
  planningError(
    text: string,
    paramTypes: readonly number[],
    params: readonly (string | null)[],
    settings: SessionSettings,
  ): Promise<PgError | undefined>;
  /** Any SQL on the mirror, as its superuser. Throws PgError. */
  catalogQuery(sql: string, params?: readonly (string | null)[]): Promise<QueryResult>;
  /** Forgets every cached statement; the catalog version does so by itself. */
  clearCache(): void;
}

/** `current` gives the mirror's instance of now; `catalogVersion` must change with every committed change of the mirror's catalog. */
export function createAnalyzer(
  current: () => PgliteHandle,
  catalogVersion: () => number,
): Analyzer {
  const cache = statementCache();
  let cacheVersion = catalogVersion();

  function dropStale(): number {
    const version = catalogVersion();
    if (version !== cacheVersion) {
      cache.clear();
      cacheVersion = version;
    }
    return version;
  }

  async function analyze(
    text: string,
    paramTypes: readonly number[],
    settings: SessionSettings,
    options: AnalyzeOptions = {},
  ): Promise<Analyzed> {
    const relevant = relevantOf(settings);
    const useCache = options.cache !== false;
    const version = dropStale();
    const key = useCache ? keyOf(text, paramTypes, relevant) : '';
    if (useCache) {
      const cached = cache.get(key);
      if (cached !== undefined) return cached;
    }
    const handle = current();
    const request = Buffer.concat([
      parseMessage(text, paramTypes),
      describeStatementMessage(),
      syncMessage(),
    ]);
    const { analyzed, treeBytes } = readResponse(await handle.protocol(request, relevant));
    const unchanged = version === catalogVersion() && handle.transactionStatus === 'I';
    if (useCache && unchanged && !dependsOnClock(text)) cache.set(key, analyzed, treeBytes);
    return analyzed;
  }

  async function planningError(
    text: string,
    paramTypes: readonly number[],
    params: readonly (string | null)[],
    settings: SessionSettings,
  ): Promise<PgError | undefined> {
    // Bind plans, and runs nothing.
    const request = Buffer.concat([
      parseMessage(text, paramTypes),
      bindMessage(params),
      syncMessage(),
    ]);
    // All settings: stable functions are asked too.
    for (const { tag, body } of backendMessages(await current().protocol(request, settings))) {
      if (tag !== 'E') continue;
      const error = errorOf(readReport(body));
      return notOfPlanning.has(error.code) ? undefined : error;
    }
    return undefined;
  }

  return {
    analyze,
    planningError,
    cached: (text, paramTypes, settings) => {
      dropStale();
      return cache.get(keyOf(text, paramTypes, relevantOf(settings)));
    },
    catalogQuery: (sql, params) => current().query(sql, params, new Map()),
    clearCache: () => cache.clear(),
  };
}

/** Of what Bind looks at beyond the plan; pgtide asks these questions itself. */
const notOfPlanning: ReadonlySet<string> = new Set([
  SqlState.insufficientPrivilege,
  SqlState.readOnlySqlTransaction,
]);

function relevantOf(settings: SessionSettings): SessionSettings {
  const relevant = new Map<string, string>();
  for (const [name, value] of settings) {
    const lower = name.toLowerCase();
    if (relevantSettings.has(lower)) relevant.set(lower, value);
  }
  return relevant;
}

function keyOf(text: string, paramTypes: readonly number[], settings: SessionSettings): string {
  let key = `${text}\0${paramTypes.join(',')}`;
  for (const name of [...settings.keys()].toSorted()) key += `\0${name}\0${settings.get(name)!}`;
  return key;
}

const treeMessage = Buffer.from('Mrewritten parse tree:\0D', 'latin1');

function readResponse(response: Uint8Array): { analyzed: Analyzed; treeBytes: number } {
  let paramTypes: readonly number[] = [];
  let fields: readonly FieldDescription[] | undefined;
  let queries: readonly Query[] | undefined;
  let treeBytes = 0;
  const notices: Report[] = [];
  for (const { tag, body } of backendMessages(response)) {
    switch (tag) {
      case 'N': {
        const tree = body.indexOf(treeMessage);
        if (tree >= 0) {
          // Describe may print the tree a second time; the first is as good.
          if (queries !== undefined) break;
          const start = tree + treeMessage.length;
          const end = body.indexOf(0, start);
          treeBytes = end - start;
          queries = readQueries(body.toString('latin1', start, end));
        } else {
          const report = readReport(body);
          if (report.severity !== 'LOG') notices.push(report);
        }
        break;
      }
      case 't':
        paramTypes = readParameterDescription(body);
        break;
      case 'T':
        fields = readRowDescription(body);
        break;
      case 'E':
        throw errorOf(readReport(body));
      default:
        break;
    }
  }
  return { analyzed: { paramTypes, fields, queries: queries ?? [], notices }, treeBytes };
}
