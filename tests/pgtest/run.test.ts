/** The runner itself, against a listener over toy sessions: it must notice what differs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createListener } from '../../src/net/index.ts';
import type { Listener } from '../../src/net/index.ts';
import { toyHandler } from '../../src/net/toy-sessions.test-support.ts';
import { runPgtest } from './run.ts';
import type { PgtestOptions } from './run.ts';
import { formatScript, parseScript } from './script.ts';

let listener: Listener;
let folder: string;
beforeAll(async () => {
  listener = await createListener({
    host: '127.0.0.1',
    port: 0,
    sessions: toyHandler(),
    log: pino({ level: 'silent' }),
  });
  folder = await mkdtemp(join(tmpdir(), 'pgtest-'));
});
afterAll(async () => {
  await listener.stop({ drainMs: 0 });
  await rm(folder, { recursive: true });
});

async function run(script: string, extra: Partial<PgtestOptions> = {}): Promise<string> {
  const file = join(folder, 'script.pgtest');
  await writeFile(file, script);
  const { port } = listener;
  await runPgtest(file, { host: '127.0.0.1', port, user: 'u', database: 'd', ...extra });
  return await readFile(file, 'utf8');
}

const send = 'send\nQuery {"text":"echo x"}\n\n';
const ready = 'ReadyForQuery {"status":"I"}';
const complete = `CommandComplete {"tag":"SELECT 1"}\n${ready}`;

test.each([
  ['as expected', `until ReadyForQuery\nDataRow {"values":["x"]}\n${complete}\n`],
  ['anything', `until ReadyForQuery\nDataRow {"values":"*"}\n${complete}\n`],
  [
    'missing, and allowed to',
    `until ReadyForQuery\nDataRow {"values":["x"]}\nmaybe: NoData\n${complete}\n`,
  ],
  [
    'there, and allowed to be',
    `until ReadyForQuery\nmaybe: DataRow {"values":["x"]}\n${complete}\n`,
  ],
  [
    'of the other server',
    `until ReadyForQuery\npgtide: DataRow {"values":["x"]}\npostgres: NoData\n${complete}\n`,
  ],
  ['received by count', `receive\nDataRow {"values":["x"]}\n\nuntil ReadyForQuery\n${complete}\n`],
])('passes: %s', async (_name, rest) => {
  expect(await run(send + rest)).toBe(send + rest);
});

test.each([
  ['another value', `until ReadyForQuery\nDataRow {"values":["y"]}\n${complete}\n`],
  ['another message', `until ReadyForQuery\nNoData\n${complete}\n`],
  ['one too few', `until ReadyForQuery\n${complete}\n`],
  ['one too many', `until ReadyForQuery\nDataRow {"values":["x"]}\nNoData\n${complete}\n`],
  [
    'no more expected at the end',
    `until ReadyForQuery\nDataRow {"values":["x"]}\n${complete}\n${ready}\n`,
  ],
  ['a missing field', `until ReadyForQuery\nDataRow\n${complete}\n`],
])('fails: %s', async (_name, rest) => {
  await expect(run(send + rest)).rejects.toThrow('--- pgtide answered\nDataRow {"values":["x"]}');
});

test('fails: a parameter that was not reported', async () => {
  await expect(run('parameters\nserver_version=18.0\nTimeZone\n')).rejects.toThrow(
    'no TimeZone in',
  );
  await run('parameters\nserver_version\n');
});

test('rewrites what differs and nothing else', async () => {
  const wrong = `# Why.\n\n${send}until ReadyForQuery\nNoData\n`;
  expect(await run(wrong, { rewrite: true })).toBe(
    `# Why.\n\n${send}until ReadyForQuery\nDataRow {"values":["x"]}\n${complete}\n`,
  );
  const loose = `${send}until ReadyForQuery\nDataRow {"values":"*"}\n${complete}\n`;
  expect(await run(loose, { rewrite: true })).toBe(loose);
});

test('leaves out scripts of the other server', async () => {
  const script = `only postgres\n\n${send}until ReadyForQuery\nNoData\n`;
  expect(await run(script)).toBe(script);
});

test('unknown directives and messages are refused', async () => {
  await expect(run('sned\nSync\n')).rejects.toThrow('line 1: no directive: sned');
  await expect(run('send\nSnyc\n')).rejects.toThrow('no such message: Snyc');
});

test('scripts are written as they were read', () => {
  const text = '# a\n\n\nsend\nSync\n\n# b\nuntil ReadyForQuery 2\nx\n\n# end\n';
  expect(formatScript(parseScript(text))).toBe(text);
});
