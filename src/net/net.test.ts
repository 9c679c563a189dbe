import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import * as frontend from '../../tests/support/frontend.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import { createListener } from './index.ts';
import type { Listener, ListenerOptions } from './index.ts';
import { admit } from './start-up.ts';
import { toyHandler } from './toy-sessions.test-support.ts';
import type { ToyHandler } from './toy-sessions.test-support.ts';

const listeners: Listener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.stop({ drainMs: 0 })));
});

interface Started {
  readonly listener: Listener;
  readonly port: number;
  readonly handler: ToyHandler;
  readonly log: Record<string, unknown>[];
}

async function start(options: Partial<ListenerOptions> = {}): Promise<Started> {
  const log: Record<string, unknown>[] = [];
  const handler = toyHandler();
  const listener = await createListener({
    host: '127.0.0.1',
    port: 0,
    sessions: handler,
    log: pino(
      {},
      { write: (line: string) => log.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    ...options,
  });
  listeners.push(listener);
  return { listener, port: listener.port, handler, log };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(2);
  }
}

const types = (messages: readonly { readonly type: string }[]): string[] =>
  messages.map((message) => message.type);

async function echo(client: WireClient, text: string): Promise<unknown> {
  client.send(frontend.query(`echo ${text}`));
  const [row] = await client.until('ReadyForQuery');
  return row?.['values'];
}

describe('start-up', () => {
  test('protocol 3.0: SSL and GSS refused, 4-byte key', async () => {
    const { port, handler } = await start();
    const client = await WireClient.connect(port);
    client.send(frontend.sslRequest());
    expect(await client.byte()).toBe('N');
    client.send(frontend.gssEncRequest());
    expect(await client.byte()).toBe('N');
    client.send(frontend.startup({ user: 'ann', application_name: 'x' }));
    const answers = await client.until('ReadyForQuery');
    expect(types(answers)).toEqual([
      'AuthenticationOk',
      'ParameterStatus',
      'BackendKeyData',
      'ReadyForQuery',
    ]);
    expect(answers[2]).toMatchObject({ processId: 1000, secretKey: { length: 4 } });
    expect(handler.sessions[0]?.client).toMatchObject({
      user: 'ann',
      database: 'ann',
      protocolMinor: 0,
    });
  });

  test('protocol 3.2: 32-byte key', async () => {
    const { port } = await start();
    const client = await WireClient.open(port, { user: 'u' }, 2);
    expect(client.key.secretKey).toHaveLength(32);
  });

  test.each([
    [1, {}, 0, []],
    [3, {}, 2, []],
    [9999, { '_pq_.x': 'y' }, 2, ['_pq_.x']],
    [0, { '_pq_.a': '', '_pq_.b': '' }, 0, ['_pq_.a', '_pq_.b']],
  ])('3.%i with %o is negotiated', async (minor, extra, spoken, options) => {
    const { port } = await start();
    const client = await WireClient.connect(port);
    client.send(frontend.startup({ user: 'u', ...extra }, { major: 3, minor }));
    const answers = await client.until('ReadyForQuery');
    expect(answers[0]).toEqual({ type: 'NegotiateProtocolVersion', minor: spoken, options });
  });

  test.each([
    [
      'version 2',
      frontend.startup({}, { major: 2, minor: 0 }),
      '0A000',
      'unsupported frontend protocol 2.0: server supports 3.0 to 3.2',
    ],
    [
      'SSL asked twice',
      Buffer.concat([frontend.sslRequest(), frontend.sslRequest()]),
      '0A000',
      'unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2',
    ],
    [
      'no user',
      frontend.startup({}),
      '28000',
      'no PostgreSQL user name specified in startup packet',
    ],
    [
      'replication',
      frontend.startup({ user: 'u', replication: 'database' }),
      '0A000',
      'replication is not supported',
    ],
    [
      'a refusing session',
      frontend.startup({ user: 'u', database: 'refused' }),
      '3D000',
      'database "refused" does not exist',
    ],
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n'), '08P01', 'invalid length of startup packet'],
  ])('%s is refused and logged', async (name, bytes, code, message) => {
    const { port, log, listener } = await start();
    const client = await WireClient.connect(port);
    if (name === 'SSL asked twice') {
      client.send(frontend.sslRequest());
      expect(await client.byte()).toBe('N');
      client.send(frontend.sslRequest());
    } else {
      client.send(bytes);
    }
    const answers = await client.untilEnd();
    expect(answers.at(-1)).toMatchObject({
      type: 'ErrorResponse',
      severity: 'FATAL',
      code,
      message,
    });
    client.close();
    await until(() => log.length > 0, 'log line');
    expect(log).toMatchObject([{ msg: 'connection closed', code, reason: message }]);
    expect(listener.sessionCount).toBe(0);
  });

  test('takes no longer than its time', async () => {
    const { port, listener } = await start({ authenticationTimeoutMs: 50 });
    const silent = await WireClient.connect(port);
    const slow = await WireClient.connect(port);
    slow.send(frontend.startup({ user: 'u', database: 'slow' }));
    for (const client of [silent, slow]) {
      expect((await client.untilEnd()).at(-1)).toMatchObject({
        severity: 'FATAL',
        code: '57014',
        message: 'canceling authentication due to timeout',
      });
    }
    // The slow one never lets go; a real handler does.
    listeners.splice(listeners.indexOf(listener), 1);
    void listener.stop({ drainMs: 0 });
  });

  test('not more sessions than allowed', async () => {
    const { port, listener } = await start({ connectionsMax: 2 });
    const one = await WireClient.open(port);
    await WireClient.open(port);
    const third = await WireClient.connect(port);
    third.send(frontend.startup({ user: 'u' }));
    expect(await third.untilEnd()).toMatchObject([
      { severity: 'FATAL', code: '53300', message: 'sorry, too many clients already' },
    ]);
    one.send(frontend.terminate());
    await until(() => listener.sessionCount === 1, 'place freed');
    await WireClient.open(port);
  });

  test('sockets that never start up are bounded too', async () => {
    const { port } = await start({ connectionsMax: 1 });
    const silent = await Promise.all(Array.from({ length: 18 }, () => WireClient.connect(port)));
    const refused = await WireClient.connect(port);
    expect(await refused.untilEnd()).toMatchObject([{ code: '53300' }]);
    for (const client of silent) client.close();
  });

  test('only loopback is trusted', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
      admit(address, 'u', 'd');
    expect(() => {
      admit('10.0.0.7', 'u', 'd');
    }).toThrow('no pg_hba.conf entry for host "10.0.0.7", user "u", database "d", no encryption');
  });
});

describe('messages', () => {
  test('a pipelined batch is one read and one write', async () => {
    const { port, handler } = await start();
    const client = await WireClient.open(port);
    const before = client.arrivals;
    const trio = [frontend.bind(), frontend.execute(), frontend.sync()];
    client.send(frontend.parse('', 'x'), ...Array.from({ length: 50 }, () => trio).flat());
    for (let i = 0; i < 50; i++) await client.until('ReadyForQuery');
    expect(client.arrivals - before).toBe(1);
    expect(handler.sessions[0]?.handled).toHaveLength(151);
  });

  test('come one at a time and in order, whether answered now or later', async () => {
    const { port } = await start();
    const client = await WireClient.open(port);
    const texts = Array.from({ length: 600 }, (_, i) => (i % 3 === 0 ? `later ${i}` : `echo ${i}`));
    client.send(...texts.map(frontend.query));
    for (const [i, text] of texts.entries()) {
      const answers = await client.until('ReadyForQuery');
      if (i % 3 === 0) expect(answers[0]).toMatchObject({ tag: text });
      else expect(answers[0]).toMatchObject({ values: [`${i}`] });
    }
  });

  test('an answer does not wait for the statement after it', async () => {
    const { port, handler } = await start();
    const client = await WireClient.open(port);
    client.send(frontend.query('echo first'), frontend.query('wait'));
    expect(types(await client.until('ReadyForQuery'))).toEqual([
      'DataRow',
      'CommandComplete',
      'ReadyForQuery',
    ]);
    handler.sessions[0]?.cancel();
    await client.until('ReadyForQuery');
  });

  test('Flush sends what there is', async () => {
    const { port } = await start();
    const client = await WireClient.open(port);
    client.send(frontend.parse('', 'x'), frontend.flush(), frontend.bind());
    await client.until('BindComplete');
  });

  test('half-closing clients get their answers', async () => {
    const { port, handler } = await start();
    const client = await WireClient.open(port);
    client.socket.end(Buffer.concat([frontend.query('later 1'), frontend.query('echo 2')]));
    expect(types(await client.untilEnd())).toEqual([
      'CommandComplete',
      'ReadyForQuery',
      'DataRow',
      'CommandComplete',
      'ReadyForQuery',
    ]);
    await until(() => handler.sessions[0]?.closed === 1, 'session closed');
  });

  test.each([
    ['a malformed message', Buffer.from([0]), '08P01', 'invalid frontend message type 0'],
    [
      'a password nobody asked for',
      frontend.password('x'),
      '08P01',
      'invalid frontend message type 112',
    ],
    ['a broken session', frontend.query('throw'), 'XX000', 'internal error: broken by throw'],
    [
      'a session broken in a row',
      frontend.query('half'),
      'XX000',
      'internal error: broken in a row',
    ],
    ['a session that ends itself', frontend.query('stop'), '57P05', 'stopped'],
  ])('%s ends its connection and no other', async (_name, bytes, code, message) => {
    const { port, handler } = await start();
    const other = await WireClient.open(port);
    const client = await WireClient.open(port);
    client.send(frontend.query('echo 1'), bytes, frontend.query('echo never'));
    expect((await client.untilEnd()).slice(3)).toMatchObject([
      { type: 'ErrorResponse', severity: 'FATAL', code, message },
    ]);
    await until(() => handler.sessions[1]?.closed === 1, 'session closed');
    expect(await echo(other, 'fine')).toEqual(['fine']);
  });

  test('random bytes crash nothing', async () => {
    const { port, listener, handler } = await start({ closeLingerMs: 20 });
    const witness = await WireClient.open(port);
    const letter = fc.constantFrom(...Array.from('QPBDECHSXFdcfp'));
    const framed = fc
      .tuple(letter, fc.uint8Array({ maxLength: 40 }))
      .map(([type, body]) => frontend.message(type, Buffer.from(body)));
    const chunk = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 100 }), framed);
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(chunk, { maxLength: 5 }), async (opened, chunks) => {
        const client = opened ? await WireClient.open(port) : await WireClient.connect(port);
        for (const bytes of chunks) client.send(bytes);
        client.socket.end();
        // A toy session waits for ever on nothing but `wait`, which random bytes do not spell.
        await client.untilEnd().catch(() => {});
        client.close();
      }),
      { numRuns: 300 },
    );
    expect(await echo(witness, 'alive')).toEqual(['alive']);
    await until(() => listener.sessionCount === 1, 'all left');
    expect(handler.sessions.filter((session) => session.closed !== 1)).toHaveLength(1);
  });
});

describe('backpressure', () => {
  test('a client that does not read holds its session, not memory', async () => {
    const { port, handler } = await start({ outputBytesMax: 256 * 1024 });
    const other = await WireClient.open(port);
    const client = await WireClient.open(port);
    client.socket.pause();
    const rows = 60_000;
    client.send(frontend.query(`rows ${rows}`));
    const session = handler.sessions[1]!;
    let last = -1;
    await until(() => session.rowsWritten > 0, 'first rows');
    while (session.rowsWritten !== last) {
      last = session.rowsWritten;
      await sleep(100);
    }
    // What the kernel buffers for the two ends is beyond our bound and a few megabytes.
    expect(last).toBeLessThan(rows / 2);
    expect(await echo(other, 'fine')).toEqual(['fine']);
    client.socket.resume();
    const answers = await client.until('ReadyForQuery');
    expect(answers).toHaveLength(rows + 2);
    expect(
      answers.every((m) => m.type !== 'DataRow' || (m['values'] as string[])[0]?.length === 1000),
    ).toBe(true);
  });

  test('a client that sends and does not read is not read either', async () => {
    const limit = 64 * 1024;
    const { port, handler } = await start({ outputBytesMax: limit, commandQueueBytesMax: limit });
    const client = await WireClient.open(port);
    client.socket.pause();
    const text = 'y'.repeat(1000);
    const count = 40_000;
    const messages = Buffer.concat(
      Array.from({ length: count }, () => frontend.query(`echo ${text}`)),
    );
    client.socket.write(messages);
    const session = handler.sessions[0]!;
    let last = -1;
    await until(() => session.handled.length > 0, 'first query');
    while (session.handled.length !== last) {
      last = session.handled.length;
      await sleep(100);
    }
    expect(last).toBeLessThan(count / 2);
    client.socket.resume();
    for (let i = 0; i < count; i++) await client.until('ReadyForQuery');
  });

  test('a client that leaves in the middle lets its session go', async () => {
    const { port, handler, listener } = await start({ outputBytesMax: 64 * 1024 });
    const client = await WireClient.open(port);
    client.socket.pause();
    client.send(frontend.query('rows 1000000'));
    const session = handler.sessions[0]!;
    await until(() => session.rowsWritten > 1000, 'rows');
    client.socket.resetAndDestroy();
    await until(() => listener.sessionCount === 0, 'session gone');
    expect(session.closed).toBe(1);
    expect(session.rowsWritten).toBeLessThan(100_000);
    expect(session.output.closed).toBe(true);
  });

  test('a client that resets while its statement waits has it cancelled', async () => {
    const { port, handler, listener } = await start();
    const client = await WireClient.open(port);
    client.send(frontend.query('wait'));
    await until(() => handler.sessions[0]?.handled.length === 1, 'query arrived');
    client.socket.resetAndDestroy();
    await until(() => listener.sessionCount === 0, 'session gone');
    expect(handler.sessions[0]).toMatchObject({ closed: 1, cancelled: 1 });
  });

  test('a long message is not held up by the bound of the queue', async () => {
    const { port, handler } = await start({ commandQueueBytesMax: 1000 });
    const client = await WireClient.open(port);
    client.send(
      frontend.query('later 1'),
      frontend.copyData(Buffer.alloc(3_000_000, 1)),
      frontend.sync(),
    );
    await client.until('ReadyForQuery');
    await client.until('ReadyForQuery');
    expect(handler.sessions[0]?.handled[1]).toMatchObject({
      kind: 'copyData',
      data: { length: 3_000_000 },
    });
  });
});

describe('cancel', () => {
  test.each([0, 2])('with the right key, protocol 3.%i', async (minor) => {
    const { port, handler } = await start();
    const client = await WireClient.open(port, { user: 'u' }, minor);
    const { processId, secretKey } = client.key;
    client.send(frontend.query('wait'));
    await until(() => handler.sessions[0]?.handled.length === 1, 'query arrived');

    const wrong = Buffer.from(secretKey);
    wrong[0] = wrong[0]! ^ 1;
    for (const key of [wrong, secretKey.subarray(1), Buffer.concat([secretKey, secretKey])]) {
      const canceller = await WireClient.connect(port);
      canceller.send(frontend.cancelRequest(processId, key));
      expect(await canceller.untilEnd()).toEqual([]);
    }
    const stranger = await WireClient.connect(port);
    stranger.send(frontend.cancelRequest(processId + 1, secretKey));
    expect(await stranger.untilEnd()).toEqual([]);
    expect(handler.sessions[0]?.cancelled).toBe(0);

    const canceller = await WireClient.connect(port);
    canceller.send(frontend.cancelRequest(processId, secretKey));
    expect(await canceller.untilEnd()).toEqual([]);
    expect((await client.until('ReadyForQuery'))[0]).toMatchObject({
      severity: 'ERROR',
      code: '57014',
    });
    expect(await echo(client, 'on')).toEqual(['on']);
  });
});

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
