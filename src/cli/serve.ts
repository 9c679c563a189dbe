import { Command } from 'commander';
import { PgError } from '../base/index.ts';
import { ConfigError, addConfigFlags, configFlags, readConfig } from '../config/index.ts';
import type { Config } from '../config/index.ts';

/** `pgtide serve`: runs until SIGTERM or SIGINT, then drains. Exit 0 after a clean stop, 1 with one line on stderr else. */
export const serve: Command = addConfigFlags(new Command('serve'))
  .description('run the server')
  .action(async (_options: unknown, command: Command) => {
    try {
      await run(readConfig(configFlags(command), process.env));
    } catch (error) {
      process.stderr.write(`pgtide: ${lineOf(error)}\n`);
      process.exitCode = 1;
    }
  });

async function run(config: Config): Promise<void> {
  // The engines are loaded for the server alone; the other commands start without them.
  const { startServer } = await import('../server.ts');
  const { pino } = await import('pino');
  // Logs go to stderr, so that stdout holds the ready line alone.
  // In them `pid` is a session's number, as in system.sessions; so pino's own, the process's, stays out.
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  const start = performance.now();
  const server = await startServer(config, log);
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const { host, port } = server;
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.warn('a second signal: stopping at once');
      process.exit(1);
    }
    stopping = true;
    log.info({ signal }, 'stopping');
    server.stop().then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`pgtide: ${lineOf(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Last, as whoever reads it may send a signal at once.
  process.stdout.write(
    `pgtide is ready on ${host}:${port} after ${seconds} s, data in ${config.dataDir}. Try: psql -h ${host} -p ${port} -U postgres\n`,
  );
}

function lineOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (!(error instanceof PgError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { message, hint } = error.report;
  return hint === undefined ? message : `${message}. ${hint}`;
}
