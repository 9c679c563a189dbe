import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addConfigFlags, configFlags, readConfig } from './index.ts';
import { flagOf, isLoopback, optionNames, optionTable, variableOf } from './table.ts';

function parsed(args: readonly string[], variables: Readonly<Record<string, string>> = {}): object {
  const command = addConfigFlags(new Command('serve').exitOverride());
  command.parse(args, { from: 'user' });
  return readConfig(configFlags(command), variables);
}

test('help', () => {
  const command = addConfigFlags(new Command('pgtide serve'));
  command.configureHelp({ helpWidth: 110 });
  expect(command.helpInformation()).toMatchInlineSnapshot(`
    "Usage: pgtide serve [options]

    Options:
      --host <address>                      address to listen on (default: 127.0.0.1, env: PGTIDE_HOST)
      --port <port>                         TCP port to listen on (default: 5454, env: PGTIDE_PORT)
      --data-dir <path>                     folder that holds everything; made when it is missing (default:
                                            ./data, env: PGTIDE_DATA_DIR)
      --node-id <number>                    number of this server in the ids of snowflake_id() (default: 0, env:
                                            PGTIDE_NODE_ID)
      --max-connections <count>             clients at a time; more are refused with 53300 (default: 100, env:
                                            PGTIDE_MAX_CONNECTIONS)
      --drain-timeout-ms <ms>               how long a graceful stop waits for statements in flight (default:
                                            10000, env: PGTIDE_DRAIN_TIMEOUT_MS)
      --log-level <level>                   least severe messages to log (default: info, env: PGTIDE_LOG_LEVEL)
      --log-min-duration-statement-ms <ms>  log statements that take at least so long; 0 logs all, -1 none
                                            (default: -1, env: PGTIDE_LOG_MIN_DURATION_STATEMENT_MS)
      --materialize-limit-rows <rows>       start value of tide.materialize_limit: rows that one statement may
                                            copy to PGlite (default: 1000000, env: PGTIDE_MATERIALIZE_LIMIT_ROWS)
      --max-jobs <count>                    jobs (flush, drop, compaction, …) that run at a time (default: 4, env:
                                            PGTIDE_MAX_JOBS)
      --job-retention-days <days>           how long system.jobs keeps ended jobs (default: 30, env:
                                            PGTIDE_JOB_RETENTION_DAYS)
      --hot-cache-mib <MiB>                 memory for blocks of the hot tier (default: 64, env:
                                            PGTIDE_HOT_CACHE_MIB)
      --duckdb-memory-mib <MiB>             memory that columnar execution may use (default: 1024, env:
                                            PGTIDE_DUCKDB_MEMORY_MIB)
      --compaction-memory-mib <MiB>         memory that merging Parquet files may use (default: 512, env:
                                            PGTIDE_COMPACTION_MEMORY_MIB)
      --audit-retention-days <days>         how long system.audit_log keeps its entries; 0 is for ever (default:
                                            365, env: PGTIDE_AUDIT_RETENTION_DAYS)
      --duckdb-threads <count>              threads for columnar execution; 0 is one for each core (default: 0,
                                            env: PGTIDE_DUCKDB_THREADS)
      -h, --help                            display help for command
    "
  `);
});

test('defaults are allowed values', () => {
  expect(parsed([])).toMatchObject({ port: 5454, host: '127.0.0.1', dataDir: './data' });
  for (const name of optionNames) {
    const option = optionTable[name];
    expect([name, option.parse(String(option.default))]).toEqual([name, option.default]);
  }
});

test('flags win over variables, variables over defaults', () => {
  const variables = { PGTIDE_PORT: '6000', PGTIDE_LOG_LEVEL: 'WARN', PGTIDE_NODE_ID: '' };
  expect(parsed(['--port', '7000'], variables)).toMatchObject({
    port: 7000,
    logLevel: 'warn',
    nodeId: 0,
  });
  expect(parsed([], variables)).toMatchObject({ port: 6000 });
  expect(flagOf('logMinDurationStatementMs')).toBe('--log-min-duration-statement-ms');
  expect(variableOf('dataDir')).toBe('PGTIDE_DATA_DIR');
});

describe('a wrong value is one line that names it and what is allowed', () => {
  test.each([
    [['--port', '99999'], {}, '--port 99999: must be an integer from 1 to 65535'],
    [['--port', '5e3'], {}, '--port 5e3: must be an integer from 1 to 65535'],
    [['--port', ''], {}, '--port : must be an integer from 1 to 65535'],
    [[], { PGTIDE_PORT: 'x' }, 'PGTIDE_PORT=x: must be an integer from 1 to 65535'],
    [
      ['--log-level', 'loud'],
      {},
      '--log-level loud: must be one of trace, debug, info, warn, error, fatal, silent',
    ],
    [
      ['--host', '0.0.0.0'],
      {},
      '--host 0.0.0.0: must be a loopback address (127.0.0.1, ::1, localhost), as authentication is not configured',
    ],
    [['--data-dir', ''], {}, '--data-dir : must be a path'],
  ])('%j %j', (args, variables, message) => {
    expect(() => parsed(args, variables)).toThrow(
      expect.objectContaining({ name: 'ConfigError', message }),
    );
  });
});

test('-1 is a value, not a flag', () => {
  expect(parsed(['--log-min-duration-statement-ms', '-1'])).toMatchObject({
    logMinDurationStatementMs: -1,
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['localhost', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.org', false],
  ['example.org', false],
])('%s loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
