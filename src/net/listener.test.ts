import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as frontend from '../../tests/support/frontend.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import { start, until } from './listening.test-support.ts';

describe('stop', () => {
  const shutdown = {
    type: 'ErrorResponse',
    severity: 'FATAL',
    code: '57P01',
    message: 'terminating connection due to administrator command',
  };

  test('ends idle sessions at once, busy ones after their statement', async () => {
    const { port, listener, handler } = await start();
    const idle = await WireClient.open(port);
    const busy = await WireClient.open(port);
    const starting = await WireClient.connect(port);
    busy.send(frontend.query('wait'));
    await until(() => handler.sessions[1]?.handled.length === 1, 'query arrived');
    const stopped = listener.stop({ drainMs: 10_000 });
    expect(await idle.untilEnd()).toMatchObject([shutdown]);
    expect(await starting.untilEnd()).toMatchObject([{ code: '57P03' }]);
    await expect(WireClient.connect(port)).rejects.toThrow('ECONNREFUSED');
    handler.sessions[1]?.cancel();
    expect(await busy.untilEnd()).toMatchObject([
      { code: '57014' },
      { type: 'ReadyForQuery' },
      shutdown,
    ]);
    for (const client of [idle, busy, starting]) client.close();
    await stopped;
    expect(handler.sessions.map((session) => session.closed)).toEqual([1, 1]);
  });

  test('waits no longer than told', async () => {
    const { port, listener, handler } = await start();
    const busy = await WireClient.open(port);
    const unsynced = await WireClient.open(port);
    busy.send(frontend.query('wait'));
    unsynced.send(frontend.parse('', 'x'), frontend.flush());
    await unsynced.until('ParseComplete');
    await until(() => handler.sessions[0]?.handled.length === 1, 'query arrived');
    const stopped = listener.stop({ drainMs: 50 });
    expect(await busy.untilEnd()).toMatchObject([shutdown]);
    expect(await unsynced.untilEnd()).toMatchObject([shutdown]);
    busy.close();
    unsynced.close();
    await stopped;
    expect(handler.sessions[0]?.terminated).toMatchObject({ code: '57P01' });
  });
});

describe('the port', () => {
  test('in use is named', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    const { port } = taken.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      report: {
        severity: 'FATAL',
        code: '55006',
        message: `could not listen on 127.0.0.1:${port}: address already in use`,
      },
    });
    taken.close();
  });

  test('of a host that is not here is named', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({
      report: {
        code: '58030',
        message: expect.stringContaining('could not listen on 192.0.2.1:0') as string,
      },
    });
  });
});

test('one log line at open and one at close', async () => {
  const { port, log } = await start();
  const client = await WireClient.open(port, { user: 'u', database: 'd', application_name: 'app' });
  client.send(frontend.terminate());
  await client.untilEnd();
  client.close();
  await until(() => log.length === 2, 'two lines');
  const common = { connection: 1, pid: 1000, user: 'u', database: 'd', application_name: 'app' };
  expect(log).toMatchObject([
    { ...common, msg: 'connection opened', ms: expect.any(Number) as number },
    { ...common, msg: 'connection closed', ms: expect.any(Number) as number },
  ]);
  expect(log[0]?.['remote']).toMatch(/^127\.0\.0\.1:\d+$/);
});
