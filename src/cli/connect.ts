/** Connections of the client commands, told where to go the way psql is told. */
import pg from 'pg';
import { sendCancelRequest } from './cancel.ts';
import { CommandError, usageError } from './errors.ts';
import { tell } from './output.ts';
import { passwordFromFile } from './password-file.ts';
import { askSecretly, canAsk } from './prompt.ts';

/** What the command line says; each wins over its variable. */
export interface ConnectionFlags {
  readonly host?: string;
  readonly port?: string;
  readonly username?: string;
  readonly dbname?: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
}

const connectTimeoutMs = 10_000;

/** Variables set to nothing are not set, as libpq takes them. */
const given = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** A `-d` of the form `postgresql://user:password@host:port/database`. */
function readUri(text: string): Partial<Target> {
  let uri: URL;
  try {
    uri = new URL(text);
  } catch {
    throw usageError(
      `"${text}" is no connection URI: it has the form postgresql://user@host:port/database`,
    );
  }
  const decoded = (part: string): string | undefined => given(decodeURIComponent(part));
  const host = decoded(uri.hostname.replace(/^\[(.*)\]$/, '$1'));
  const user = decoded(uri.username);
  const password = decoded(uri.password);
  const database = decoded(uri.pathname.slice(1));
  return {
    ...(host === undefined ? {} : { host }),
    ...(uri.port === '' ? {} : { port: Number(uri.port) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
  };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw usageError(`"${text}" is no port: an integer from 1 to 65535 is`);
  return port;
}

/** Flags win over a URI in `-d`, that over PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, those over pgtide's defaults. */
export function readTarget(flags: ConnectionFlags, variables: Variables): Target {
  const { dbname } = flags;
  const isUri = dbname !== undefined && /^postgres(?:ql)?:\/\//.test(dbname);
  const uri = isUri ? readUri(dbname) : {};
  const portText = flags.port ?? (uri.port === undefined ? given(variables['PGPORT']) : undefined);
  const password = uri.password ?? given(variables['PGPASSWORD']);
  return {
    host: flags.host ?? uri.host ?? given(variables['PGHOST']) ?? '127.0.0.1',
    port: portText === undefined ? (uri.port ?? 5454) : readPort(portText),
    user: flags.username ?? uri.user ?? given(variables['PGUSER']) ?? 'postgres',
    database: (isUri ? uri.database : dbname) ?? given(variables['PGDATABASE']) ?? 'postgres',
    ...(password === undefined ? {} : { password }),
  };
}

export interface Connection {
  readonly client: pg.Client;
  readonly target: Target;
  /** Rows as records. bigint columns are numbers, timestamps Dates, jsonb what it holds. */
  query<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>;
  /** Asks the server to cancel what this connection runs, which then fails with 57014. */
  cancel(): Promise<void>;
  end(): Promise<void>;
}

/** Counts, ids and bytes of the relations read here are far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : format === undefined
        ? pg.types.getTypeParser(oid)
        : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};

function connectFailure(error: unknown, { host, port }: Target): Error {
  if (!(error instanceof Error)) return new CommandError(String(error));
  if (error instanceof pg.DatabaseError) return error;
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  // Where a name has several addresses, each has failed for a reason of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = first as NodeJS.ErrnoException;
  switch (code) {
    case 'ECONNREFUSED':
      return new CommandError(`no server is listening on ${where}`, {
        hint: 'Start one with "npm start" or "pgtide serve", or say where it is with --host and --port',
      });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandError(`host "${host}" is not known`, {
        hint: 'Say where the server is with --host and --port',
      });
    default:
      return new CommandError(`could not connect to ${where}: ${message}`);
  }
}

interface ConnectOptions {
  readonly applicationName: string;
  readonly onNotice?: (notice: Notice) => void;
}

/** The server asks for a password that nobody has given yet. */
class PasswordNeeded extends Error {}

/** What has been typed for a target: its other connections do not ask again. */
const typed = new WeakMap<Target, Promise<string>>();

/**
 * Connects, or throws a CommandError that says how to help it, or the server's own error. `onNotice` gets the server's notices,
 * `pg.DatabaseError`-like records. When the server asks for a password, it is the target's, else one of the password file, else it is asked
 * for on the terminal.
 */
export async function connect(target: Target, options: ConnectOptions): Promise<Connection> {
  const known = target.password ?? (await typed.get(target));
  let file: string | undefined;
  const found = (): string => {
    const entry = passwordFromFile(target, process.env, (message) => tell(`pgtide: ${message}`));
    if (entry === undefined) throw new PasswordNeeded();
    file = entry.path;
    return entry.password;
  };
  try {
    return await open(target, known ?? found, options);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === wrongPassword && file !== undefined)
      throw new CommandError(`${error.message}; the password is that of file "${file}"`);
    if (!(error instanceof PasswordNeeded)) throw error;
  }
  // On a new connection, as psql does: how long somebody types is nothing that the server should wait for.
  const asking = typed.get(target) ?? askPassword(target);
  typed.set(target, asking);
  return await open(target, await asking, options);
}

/** invalid_password */
const wrongPassword = '28P01';

async function askPassword({ user }: Target): Promise<string> {
  const hint = 'Set PGPASSWORD, or put it in ~/.pgpass; on a terminal it is asked for';
  if (!canAsk()) throw new CommandError(`the server asks for the password of "${user}"`, { hint });
  const password = (await askSecretly(`Password for user ${user}: `)) ?? '';
  if (password === '') throw new CommandError('no password was given');
  return password;
}

async function open(
  target: Target,
  password: string | (() => string),
  options: ConnectOptions,
): Promise<Connection> {
  const { host, port, user, database } = target;
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    password,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    types,
  });
  // What runs at that moment fails with it, too.
  client.on('error', () => undefined);
  if (options.onNotice !== undefined)
    client.on('notice', options.onNotice as (notice: object) => void);
  try {
    await client.connect();
  } catch (error) {
    if (error instanceof PasswordNeeded) {
      await client.end().catch(() => undefined);
      throw error;
    }
    throw connectFailure(error, target);
  }
  return {
    client,
    target,
    async query<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]> {
      try {
        const { rows } = await client.query<T, unknown[]>(text, values as unknown[] | undefined);
        return rows;
      } catch (error) {
        throw lostConnection(error, target);
      }
    },
    cancel: () => sendCancelRequest(client, target),
    end: () => client.end(),
  };
}

/** Errors of the server stay; anything else from a running statement is the connection's end. */
export function lostConnection(error: unknown, { host, port }: Target): unknown {
  if (error instanceof pg.DatabaseError || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined && !/^Connection terminated/i.test(error.message)) return error;
  return new CommandError(`the server at ${host}:${port} has closed the connection`, {
    hint: 'It was stopped or has failed; its log tells why',
  });
}

/** A NOTICE, WARNING or INFO of the server. */
export interface Notice {
  readonly severity?: string;
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
}
