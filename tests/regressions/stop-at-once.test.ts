/** SIGTERM that comes as soon as the ready line is read stops the server cleanly; it used to end it as SIGKILL does. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';

test('a server that is told to stop as soon as it is ready stops cleanly', async () => {
  const server = await startServerProcess();
  try {
    expect(await server.stop('SIGTERM')).toBe(0);
    // What a clean stop leaves.
    expect(existsSync(join(server.dataDir, 'hot', 'stopped'))).toBe(true);
  } finally {
    await server.remove();
  }
});
