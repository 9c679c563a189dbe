/** Starting: the ready line, a first statement, and every reason not to start, which is one line on stderr and exit 1. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { psql } from '../support/psql.ts';
import { freePort, startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let server: ServerProcess;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgtide-start-'));
  server = await startServerProcess();
});
afterAll(async () => {
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Runs pgtide with arguments that it can't start with. */
function run(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('says that it is ready and how to connect, in one line on stdout', async () => {
  const said = server
    .output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(
    new RegExp(
      `^pgtide is ready on 127\\.0\\.0\\.1:${server.port} after \\d+\\.\\d\\d s, data in .*\\. Try: psql -h 127\\.0\\.0\\.1 -p ${server.port} -U postgres$`,
    ),
  );
});

test('psql makes a table, fills it, reads it, and describes it', async () => {
  const { code, stdout, stderr } = await psql(
    server,
    `create table smoke (id serial primary key, word text not null);
     insert into smoke (word) values ('one'), ('two') returning id;
     select * from smoke order by id desc;
     \\d smoke`,
    ['-A', '-t'],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(
    [
      '1',
      '2',
      '2|two',
      '1|one',
      "id|integer||not null|nextval('smoke_id_seq'::regclass)",
      'word|text||not null|',
      '',
    ].join('\n'),
  );
});

describe('one line on stderr and exit 1 when', () => {
  async function refused(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run('serve', ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    return lines[0]!;
  }

  test('the port is taken', async () => {
    expect(
      await refused('--port', `${server.port}`, '--data-dir', join(folder, 'taken-port')),
    ).toBe(
      `pgtide: could not listen on 127.0.0.1:${server.port}: address already in use. Is another server already running on port ${server.port}? Stop it or choose another port.`,
    );
  });

  test('another server has the data folder', async () => {
    const line = await refused('--port', `${await freePort()}`, '--data-dir', server.dataDir);
    expect(line).toContain(server.dataDir);
    expect(line).toMatch(/^pgtide: .*(?:in use|locked|another)/);
  });

  test('the folder is not ours', async () => {
    const foreign = join(folder, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'letter.txt'), 'dear reader');
    expect(await refused('--port', `${await freePort()}`, '--data-dir', foreign)).toBe(
      `pgtide: folder "${foreign}" is not a pgtide data folder: it has files but no pgtide.json. Choose an empty folder or one that pgtide has made.`,
    );
  });

  test('its path is a file', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await refused('--port', `${await freePort()}`, '--data-dir', file)).toContain(
      `could not create the data folder "${file}"`,
    );
  });

  test('the data is of another format', async () => {
    const other = join(folder, 'other-format');
    await mkdir(other);
    await writeFile(join(other, 'pgtide.json'), '{"format":999}\n');
    expect(await refused('--port', `${await freePort()}`, '--data-dir', other)).toContain(
      'has format 999, this server needs format',
    );
  });

  test.each(['0.0.0.0', '192.0.2.1', '::', 'example.org'])(
    'the host is %s, which others reach, as there is no authentication',
    async (host) => {
      const line = await refused('--host', host, '--data-dir', join(folder, 'host'));
      expect(line).toContain(host);
      expect(line).toContain('authentication is not configured');
    },
  );

  test('an option is no number', async () => {
    expect(await refused('--port', 'ten')).toContain('ten');
  });
});
