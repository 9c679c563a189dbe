import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface PsqlTarget {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
}

export interface PsqlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs psql on `input`, a script as psql reads it from its standard input: statements and \commands. No psqlrc, quiet,
 * ends at the first error. Resolves whatever psql's exit code is; rejects when there is no psql.
 */
export async function psql(
  target: PsqlTarget,
  input: string,
  args: readonly string[] = [],
): Promise<PsqlResult> {
  const { host, port, user = 'postgres', database = 'postgres' } = target;
  const child = spawn(
    'psql',
    [
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      host,
      '-p',
      `${port}`,
      '-U',
      user,
      ...args,
      database,
    ],
    { stdio: 'pipe', env: { ...process.env, PGCONNECT_TIMEOUT: '10' } },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // psql may end before it has read everything; its exit code tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}
