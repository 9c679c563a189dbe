/** The command without a server: help, mistakes in the command line, nobody there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { freePort } from '../support/server-process.ts';
import { pgtide } from './run.ts';

const commands = createProgram().commands.map((command) => command.name());

test('help lists every command, each has help with examples', async () => {
  const { code, stdout, stderr } = await pgtide(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const name of commands) expect(stdout).toContain(`  ${name} `);
  for (const command of createProgram().commands) {
    if (command.name() === 'serve') continue;
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toContain('Examples:\n  ');
    expect(help).toContain(`pgtide ${command.name()}`);
  }
  expect((await pgtide(['help', 'flush'])).stdout).toContain(
    'Usage: pgtide flush [options] [table]',
  );
});

test('version', async () => {
  expect((await pgtide(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe('a mistake in the command line is one line on stderr and exit code 2:', () => {
  test.each([
    [['frob'], "unknown command 'frob'"],
    [['tabels'], "unknown command 'tabels' (Did you mean tables?)"],
    [['status', '--frob'], "unknown option '--frob'"],
    [['flush'], 'name a table, or give --all'],
    [['flush', 'a', '--all'], 'a table or --all, not both'],
    [['flush', 'a', 'b'], "too many arguments for 'flush'. Expected 1 argument but got 2."],
    [['drop-table'], "missing required argument 'table'"],
    [['status', '-p', '0'], '"0" is no port: an integer from 1 to 65535 is'],
    [
      ['status', '--json', '--format', 'table'],
      "option '--json' cannot be used with option '--format <format>'",
    ],
    [['jobs', '--status', 'x'], "option '-s, --status <status>' argument 'x' is invalid."],
    [['jobs', 'cancel', 'x'], '"x" is no job id'],
    [['tables', 'a.b.c'], '"a.b.c" is no pattern for tables'],
  ])('%j', async (args, line) => {
    const { code, stdout, stderr } = await pgtide(args, { server: { host: '127.0.0.1', port: 1 } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).toContain(`pgtide: ${line}`);
  });
});

test('no server: how to start one, exit code 1', async () => {
  const server = { host: '127.0.0.1', port: await freePort() };
  const { code, stderr } = await pgtide(['status'], { server });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `pgtide: no server is listening on 127.0.0.1:${server.port}. Start one with "npm start" or "pgtide serve", or say where it is with --host and --port\n`,
  });
});

test('what listens is no PostgreSQL server', async () => {
  const listener = createServer((socket) => socket.end('220 mail\r\n'));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  const { code, stderr } = await pgtide(['status'], { server: { host: '127.0.0.1', port } });
  listener.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(
    new RegExp(`^pgtide: could not connect to 127\\.0\\.0\\.1:${port}: .*\n$`),
  );
});

test('the launcher passes arguments, output and exit code on, whatever Node runs it', async () => {
  const launcher = fileURLToPath(new URL('../../bin/pgtide.mjs', import.meta.url));
  // An older Node is only told by its version.
  const asOld = `Object.defineProperty(process.versions, 'node', { value: '18.0.0' });`;
  for (const args of [[], ['--import', `data:text/javascript,${encodeURIComponent(asOld)}`]]) {
    const child = spawn(process.execPath, [...args, launcher, 'frob', 'a b'], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, stderr }).toEqual({ code: 2, stderr: "pgtide: unknown command 'frob'\n" });
  }
});
