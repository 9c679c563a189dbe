/** Connections that tell what became of each operation: done, refused, or unknown because the server went away. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { OpLog } from './op-log.ts';

/** What must never happen; the message is the whole report. */
export class Violation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Violation';
  }
}

/** The server went away while nothing was in doubt. */
export class ServerGone extends Error {}

export type Outcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** Nothing of it happened. */
  | { readonly kind: 'fail'; readonly code: string; readonly message: string }
  /** All of it happened or nothing. */
  | { readonly kind: 'unknown' };

/** Losing against a concurrent transaction: PostgreSQL's definite refusals. */
const lost: ReadonlySet<string> = new Set(['40001', '40P01']);

export interface Session {
  readonly name: string;
  /** Rows as arrays of values. Throws pg.DatabaseError, or another Error when the connection is lost. */
  rows(text: string, values?: readonly unknown[]): Promise<unknown[][]>;
  /** Rows touched. */
  run(text: string, values?: readonly unknown[]): Promise<number>;
  /** COPY … FROM STDIN in text format. Returns the rows taken. */
  copy(text: string, lines: Iterable<string>): Promise<number>;
  /**
   * One operation, logged before and after. Errors with an SQLSTATE of `refusals` or a lost race are 'fail'; any other one
   * is a Violation. The transaction that `work` may have left open is rolled back then.
   */
  attempt<T>(
    label: string,
    work: () => Promise<T>,
    refusals?: readonly string[],
  ): Promise<Outcome<T>>;
  end(): Promise<void>;
}

export interface Address {
  readonly host: string;
  port(): number;
}

function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** SQLSTATEs of an outcome that the server itself does not know, or of its own end. */
function doubtful(code: string): boolean {
  return code.startsWith('08') || code === '57P01' || code === '57P02' || code === '58030';
}

/** Whether an error is a lost connection, and no answer of the server. */
export function isGone(error: unknown): boolean {
  if (error instanceof ServerGone) return true;
  const code = sqlState(error);
  if (code !== undefined) return doubtful(code);
  return (
    error instanceof Error &&
    /terminated|ECONNRESET|EPIPE|ECONNREFUSED|not queryable|closed|ended/i.test(error.message)
  );
}

export async function openSession(
  address: Address,
  name: string,
  log: OpLog,
  settings: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const client = new pg.Client({
    host: address.host,
    port: address.port(),
    user: 'postgres',
    database: 'postgres',
    application_name: name,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (const [key, value] of Object.entries(settings)) {
      await client.query(`set ${key} = '${value}'`);
    }
  } catch (error) {
    if (isGone(error)) throw new ServerGone();
    throw error;
  }
  const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> =>
    await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });

  return {
    name,
    rows: async (text, values = []) => (await query(text, values)).rows as unknown[][],
    run: async (text, values = []) => (await query(text, values)).rowCount ?? 0,
    async copy(text, lines) {
      const stream = client.query(copyFrom(text));
      await pipeline(Readable.from(lines), stream);
      return stream.rowCount;
    },
    async attempt(label, work, refusals = []) {
      const operation = await log.invoke(name, label);
      try {
        const value = await work();
        await log.end(operation, 'ok');
        return { kind: 'ok', value };
      } catch (error) {
        if (error instanceof Violation) throw error;
        const code = sqlState(error);
        if (code === undefined || doubtful(code)) {
          await log.end(operation, 'unknown', String(error));
          if (!isGone(error)) throw error;
          return { kind: 'unknown' };
        }
        const message = error instanceof Error ? error.message : '';
        await log.end(operation, 'fail', `${code} ${message}`);
        if (!lost.has(code) && !refusals.includes(code))
          throw new Violation(`${name}: ${label} failed with ${code} ${message}`);
        try {
          await client.query('rollback');
        } catch (failure) {
          if (!isGone(failure)) throw failure;
        }
        return { kind: 'fail', code, message };
      }
    },
    async end() {
      const closed = once(client, 'end');
      await client.end().catch(() => undefined);
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 100))]);
    },
  };
}
