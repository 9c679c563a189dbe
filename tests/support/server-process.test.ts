import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startServerProcess } from './server-process.ts';

const main = fileURLToPath(new URL('./fake-server.ts', import.meta.url));

test('a server is started, stopped, started again on the same data, and removed', async () => {
  const server = await startServerProcess({ main });
  try {
    const socket = connect(server.port, server.host);
    await once(socket.resume(), 'close');
    expect(server.output()).toBe(`ready in ${server.dataDir}\n`);
    const before = server.pid();
    expect(await server.restart()).toBeGreaterThan(0);
    expect(server.pid()).not.toBe(before);
    expect(await server.stop()).toBe(0);
    expect(server.pid()).toBeUndefined();
    await server.restart();
    expect(await server.stop('SIGKILL')).toBeNull();
  } finally {
    await server.remove();
  }
});

test('a server that does not start is reported with what it said', async () => {
  await expect(startServerProcess({ main, args: ['--fail'] })).rejects.toThrow(
    'pgtide did not start, exit 1:\nthe port is taken',
  );
});
