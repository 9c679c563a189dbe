import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { freePort, startServerProcess } from '../support/server-process.ts';

const script = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url));
const demo = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [script, ...args]);

test('npm run demo shows everything, and does so again', async () => {
  const server = await startServerProcess();
  try {
    for (const round of [1, 2]) {
      const { stdout } = await demo('--port', `${server.port}`, '--rows', '5000');
      expect([round, stdout.match(/the same answer/g)?.length]).toEqual([round, 5]);
      expect(stdout).toContain('each still sees exactly their own');
      expect(stdout).toContain(`psql -h 127.0.0.1 -p ${server.port}`);
      expect(stdout).toMatch(/done in .*\n$/);
    }
  } finally {
    await server.remove();
  }
});

test('without a server it says how to start one', async () => {
  await expect(demo('--port', `${await freePort()}`)).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^\ndemo: there is no server at .* npm start\n$/),
  });
});
