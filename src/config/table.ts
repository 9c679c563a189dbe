/** Every option of the server: the one place that its type, variable, flag and help come from. */
import { isIP } from 'node:net';
import type { Option } from './option.ts';
import { choice, integer, text } from './option.ts';

/** A day; longer waits are a mistake in the unit. */
const waitMsMax = 86_400_000;
/** 1 TiB in MiB. */
const memoryMibMax = 1_048_576;

/** Addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const family = isIP(host);
  return family === 4 ? host.startsWith('127.') : family === 6 && /^(?:0*:)*0*1$/.test(host);
}

export const optionTable = {
  host: text(
    'address to listen on',
    'address',
    '127.0.0.1',
    'a loopback address (127.0.0.1, ::1, localhost), as authentication is not configured',
    isLoopback,
  ),
  port: integer('TCP port to listen on', 'port', 5454, { min: 1, max: 65535 }),
  dataDir: text(
    'folder that holds everything; made when it is missing',
    'path',
    './data',
    'a path',
    (path) => path !== '' && !path.includes('\0'),
  ),
  nodeId: integer('number of this server in the ids of snowflake_id()', 'number', 0, {
    min: 0,
    max: 1023,
  }),
  maxConnections: integer('clients at a time; more are refused with 53300', 'count', 100, {
    min: 1,
    max: 10_000,
  }),
  drainTimeoutMs: integer('how long a graceful stop waits for statements in flight', 'ms', 10_000, {
    min: 0,
    max: waitMsMax,
  }),
  logLevel: choice('least severe messages to log', 'level', 'info', [
    'trace',
    'debug',
    'info',
    'warn',
    'error',
    'fatal',
    'silent',
  ]),
  logMinDurationStatementMs: integer(
    'log statements that take at least so long; 0 logs all, -1 none',
    'ms',
    -1,
    { min: -1, max: waitMsMax },
  ),
  materializeLimitRows: integer(
    'start value of tide.materialize_limit: rows that one statement may copy to PGlite',
    'rows',
    1_000_000,
    { min: 1, max: 1_000_000_000 },
  ),
  maxJobs: integer('jobs (flush, drop, compaction, …) that run at a time', 'count', 4, {
    min: 1,
    max: 64,
  }),
  jobRetentionDays: integer('how long system.jobs keeps ended jobs', 'days', 30, {
    min: 1,
    max: 36_500,
  }),
  hotCacheMib: integer('memory for blocks of the hot tier', 'MiB', 64, {
    min: 1,
    max: memoryMibMax,
  }),
  duckdbMemoryMib: integer('memory that columnar execution may use', 'MiB', 1024, {
    min: 64,
    max: memoryMibMax,
  }),
  compactionMemoryMib: integer('memory that merging Parquet files may use', 'MiB', 512, {
    min: 64,
    max: memoryMibMax,
  }),
  auditRetentionDays: integer(
    'how long system.audit_log keeps its entries; 0 is for ever',
    'days',
    365,
    { min: 0, max: 36_500 },
  ),
  duckdbThreads: integer('threads for columnar execution; 0 is one for each core', 'count', 0, {
    min: 0,
    max: 1024,
  }),
} satisfies Readonly<Record<string, Option<number> | Option<string>>>;

export type OptionName = keyof typeof optionTable;

/** The server's configuration; units are the last part of a name. */
export type Config = {
  readonly [K in OptionName]: (typeof optionTable)[K]['default'];
};

const kebab = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `dataDir` is `--data-dir`. */
export const flagOf = (name: OptionName): string => `--${kebab(name)}`;

/** `dataDir` is `PGTIDE_DATA_DIR`. */
export const variableOf = (name: OptionName): string =>
  `PGTIDE_${kebab(name).toUpperCase().replaceAll('-', '_')}`;

export const optionNames = Object.keys(optionTable) as readonly OptionName[];
