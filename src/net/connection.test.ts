import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as frontend from '../../tests/support/frontend.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import { echo, start, types, until } from './listening.test-support.ts';

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

  test('a client that does not read can be terminated', async () => {
    const { port, handler, listener } = await start({ outputBytesMax: 65_536, closeLingerMs: 100 });
    const client = await WireClient.open(port);
    client.socket.pause();
    client.send(frontend.query('rows 1000000'));
    const session = handler.sessions[0]!;
    await until(() => session.rowsWritten > 1000, 'rows');
    session.output.terminate({ severity: 'FATAL', code: '57P01', message: 'stop' });
    await until(() => listener.sessionCount === 0, 'session gone');
    expect(session).toMatchObject({ closed: 1, terminated: { code: '57P01' } });
    expect(session.rowsWritten).toBeLessThan(100_000);
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
