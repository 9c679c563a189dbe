import { describe, expect, test } from 'vitest';
import * as frontend from '../../tests/support/frontend.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import { listeners, start, types, until } from './listening.test-support.ts';
import { admit } from './start-up.ts';

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
