/** Runs the real command as a process, with pipes or on a pseudo terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const outputTimeoutMs = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Where the server is, as PGHOST and PGPORT. */
  readonly server?: { readonly host: string; readonly port: number };
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it finds programs, on a terminal. */
  readonly path?: string;
}

/** Nothing of the caller's own PostgreSQL settings. */
function environment({ server, env }: RunOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^PG|^NO_COLOR$/.test(name));
  return {
    ...Object.fromEntries(inherited),
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
    ...(server === undefined ? {} : { PGHOST: server.host, PGPORT: String(server.port) }),
    ...env,
  };
}

/** Runs `pgtide …args` to its end. */
export async function pgtide(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [main, ...args], { env: environment(options) });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Each line of stdout as JSON. */
export function jsonOf<T = Record<string, unknown>>({ stdout }: Ran): T[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export interface Terminal {
  /** Resolves when the terminal has shown `text` since the last call; rejects after a while. */
  shows(text: string | RegExp): Promise<void>;
  type(text: string): void;
  /** Everything that it has shown. */
  screen(): string;
  /** Its exit code, when it has ended. */
  ended(): Promise<number | null>;
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Runs `pgtide …args` on a pseudo terminal, which util-linux' script makes. */
export function onTerminal(args: readonly string[], options: RunOptions = {}): Terminal {
  const path = options.path === undefined ? [] : ['env', `PATH=${options.path}`];
  const command = [...path, process.execPath, main, ...args].map(quoted).join(' ');
  const child = spawn('script', ['-qec', `stty cols 120; exec ${command}`, '/dev/null'], {
    env: environment(options),
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  let screen = '';
  let seen = 0;
  let check: () => void = () => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    check();
  });
  child.stdin.on('error', () => undefined);
  return {
    async shows(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const fail = (why: string): void =>
        reject(new Error(`${why}, not ${String(text)}:\n${screen}`));
      const timer = setTimeout(() => fail('the terminal showed this'), outputTimeoutMs);
      check = () => {
        const found = new RegExp(typeof text === 'string' ? literal(text) : text).exec(
          screen.slice(seen),
        );
        if (found === null) return;
        seen += found.index + found[0].length;
        resolve();
      };
      child.once('close', () => {
        check();
        fail('it ended after this');
      });
      check();
      await promise.finally(() => {
        clearTimeout(timer);
        check = () => undefined;
      });
    },
    type: (text) => void child.stdin.write(text),
    screen: () => screen,
    ended: async () => {
      const [code] = await closed;
      return code;
    },
  };
}
