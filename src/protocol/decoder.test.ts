import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import * as frontend from '../../tests/support/frontend.ts';
import { FrontendDecoder } from './index.ts';
import type { SessionMessage, StartupPacket } from './index.ts';

const data = Buffer.from('one\ttwo\n');
const cases: [string, Buffer, SessionMessage][] = [
  ['query', frontend.query('select 1'), { kind: 'query', text: 'select 1' }],
  [
    'query in UTF-8',
    frontend.query('select ‘é€😀\uFFFD’'),
    { kind: 'query', text: 'select ‘é€😀\uFFFD’' },
  ],
  [
    'parse',
    frontend.parse('s', 'select $1', [23, 4294967295]),
    { kind: 'parse', statement: 's', text: 'select $1', parameterTypes: [23, 4294967295] },
  ],
  [
    'parse without types',
    frontend.parse('', ''),
    { kind: 'parse', statement: '', text: '', parameterTypes: [] },
  ],
  [
    'bind',
    frontend.bind({
      portal: 'p',
      statement: 's',
      parameterFormats: [0, 1],
      parameters: ['a', null, '', data],
      resultFormats: [1],
    }),
    {
      kind: 'bind',
      portal: 'p',
      statement: 's',
      parameterFormats: [0, 1],
      parameters: [Buffer.from('a'), null, Buffer.from(''), data],
      resultFormats: [1],
    },
  ],
  [
    'bind of nothing',
    frontend.bind(),
    {
      kind: 'bind',
      portal: '',
      statement: '',
      parameterFormats: [],
      parameters: [],
      resultFormats: [],
    },
  ],
  [
    'describe statement',
    frontend.describe('statement', 'é'),
    { kind: 'describe', target: 'statement', name: 'é' },
  ],
  [
    'describe portal',
    frontend.describe('portal'),
    { kind: 'describe', target: 'portal', name: '' },
  ],
  [
    'close statement',
    frontend.close('statement', 's'),
    { kind: 'close', target: 'statement', name: 's' },
  ],
  ['close portal', frontend.close('portal', 'p'), { kind: 'close', target: 'portal', name: 'p' }],
  ['execute', frontend.execute('p', 7), { kind: 'execute', portal: 'p', rowsMax: 7 }],
  [
    'execute of a negative limit',
    frontend.execute('', -1),
    { kind: 'execute', portal: '', rowsMax: -1 },
  ],
  ['flush', frontend.flush(), { kind: 'flush' }],
  ['sync', frontend.sync(), { kind: 'sync' }],
  ['terminate', frontend.terminate(), { kind: 'terminate' }],
  ['copy data', frontend.copyData(data), { kind: 'copyData', data }],
  ['empty copy data', frontend.copyData(''), { kind: 'copyData', data: Buffer.alloc(0) }],
  ['copy done', frontend.copyDone(), { kind: 'copyDone' }],
  ['copy fail', frontend.copyFail('no'), { kind: 'copyFail', message: 'no' }],
  [
    'function call',
    frontend.functionCall(5),
    { kind: 'functionCall', body: frontend.functionCall(5).subarray(5) },
  ],
  ['password', frontend.password('secret'), { kind: 'password', body: Buffer.from('secret\0') }],
];

function decodeAll(...chunks: Buffer[]): SessionMessage[] {
  const decoder = new FrontendDecoder();
  const messages: SessionMessage[] = [];
  for (const chunk of chunks) {
    decoder.push(Buffer.from(chunk));
    for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
      messages.push(message);
    }
  }
  expect(decoder.bufferedBytes).toBe(0);
  return messages;
}

function failure(bytes: Buffer, startup = false): PgError['report'] {
  const decoder = new FrontendDecoder({ messageBytesMax: 100_000 });
  decoder.push(bytes);
  try {
    while ((startup ? decoder.nextStartup() : decoder.next()) !== undefined);
  } catch (error) {
    if (error instanceof PgError) return error.report;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('messages', () => {
  test.each(cases)('%s, split at every byte', (_name, bytes, expected) => {
    expect(decodeAll(bytes)).toEqual([expected]);
    for (let at = 1; at < bytes.length; at++) {
      expect(decodeAll(bytes.subarray(0, at), bytes.subarray(at))).toEqual([expected]);
    }
    expect(decodeAll(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual([expected]);
  });

  test('all in a row, cut anywhere', () => {
    const stream = Buffer.concat(cases.map(([, bytes]) => bytes));
    const expected = cases.map(([, , message]) => message);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
        const points = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const chunks = points.slice(1).map((end, i) => stream.subarray(points[i], end));
        expect(decodeAll(...chunks)).toEqual(expected);
      }),
    );
  });

  test('copy data is a view of the chunk', () => {
    const chunk = frontend.copyData('x'.repeat(1000));
    const decoder = new FrontendDecoder();
    decoder.push(chunk);
    const message = decoder.next();
    expect(message?.kind === 'copyData' && message.data.buffer === chunk.buffer).toBe(true);
  });

  test('views stay as they are while small chunks follow', () => {
    const one = frontend.copyData('one');
    const decoder = new FrontendDecoder();
    decoder.push(one.subarray(0, 3));
    decoder.push(one.subarray(3));
    decoder.push(frontend.copyData('two'));
    const first = decoder.next();
    for (let i = 0; i < 100; i++) decoder.push(frontend.copyData(`${i}`.repeat(500)));
    const second = decoder.next();
    for (let i = 0; i < 100; i++) {
      expect(decoder.next()).toEqual({ kind: 'copyData', data: Buffer.from(`${i}`.repeat(500)) });
    }
    expect(first).toEqual({ kind: 'copyData', data: Buffer.from('one') });
    expect(second).toEqual({ kind: 'copyData', data: Buffer.from('two') });
  });

  test('a long message in many chunks is put together once', () => {
    const text = 'é'.repeat(5_000_000);
    const bytes = frontend.query(text);
    const decoder = new FrontendDecoder();
    for (let at = 0; at < bytes.length; at += 1000) {
      expect(decoder.next()).toBeUndefined();
      decoder.push(bytes.subarray(at, at + 1000));
    }
    expect(decoder.next()).toEqual({ kind: 'query', text });
  });
});

describe('start-up packets', () => {
  const packets: [string, Buffer, StartupPacket][] = [
    ['SSLRequest', frontend.sslRequest(), { kind: 'sslRequest' }],
    ['GSSENCRequest', frontend.gssEncRequest(), { kind: 'gssEncRequest' }],
    [
      'CancelRequest',
      frontend.cancelRequest(7, Buffer.from('abcd')),
      { kind: 'cancelRequest', processId: 7, secretKey: Buffer.from('abcd') },
    ],
    [
      'CancelRequest of 3.2',
      frontend.cancelRequest(-1, Buffer.alloc(256, 1)),
      { kind: 'cancelRequest', processId: -1, secretKey: Buffer.alloc(256, 1) },
    ],
    [
      'StartupMessage',
      frontend.startup(
        { user: 'u', database: 'd', '_pq_.x': '1', empty: '' },
        { major: 3, minor: 2 },
      ),
      {
        kind: 'startup',
        major: 3,
        minor: 2,
        parameters: new Map([
          ['user', 'u'],
          ['database', 'd'],
          ['empty', ''],
        ]),
        protocolOptions: ['_pq_.x'],
      },
    ],
    [
      'another version',
      frontend.startup({}, { major: 2, minor: 0 }),
      { kind: 'startup', major: 2, minor: 0, parameters: new Map(), protocolOptions: [] },
    ],
  ];
  test.each(packets)('%s, split at every byte', (_name, bytes, expected) => {
    for (let at = 0; at < bytes.length; at++) {
      const decoder = new FrontendDecoder();
      decoder.push(bytes.subarray(0, at));
      expect(decoder.nextStartup()).toBeUndefined();
      decoder.push(bytes.subarray(at));
      expect(decoder.nextStartup()).toEqual(expected);
    }
  });

  test.each([
    ['too long', Buffer.from([0, 0, 0x27, 0x11]), 'invalid length of startup packet'],
    ['too short', Buffer.from([0, 0, 0, 7]), 'invalid length of startup packet'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'invalid length of startup packet'],
    [
      'no terminator',
      frontend.message(
        '',
        frontend.int32(3 << 16),
        frontend.cstring('user'),
        frontend.cstring('x'),
      ),
      'invalid startup packet layout: expected terminator as last byte',
    ],
    [
      'a name without value',
      frontend.message(
        '',
        frontend.int32(3 << 16),
        frontend.cstring('user'),
        frontend.int8(0),
        frontend.int8(65),
      ),
      'invalid startup packet layout: expected terminator as last byte',
    ],
    [
      'no bytes at all after the version',
      frontend.message('', frontend.int32(3 << 16)),
      'invalid startup packet layout: expected terminator as last byte',
    ],
    [
      'a key of no bytes',
      frontend.cancelRequest(1, Buffer.alloc(0)),
      'invalid length of cancel request packet',
    ],
    [
      'a key of 257 bytes',
      frontend.cancelRequest(1, Buffer.alloc(257)),
      'invalid length of cancel request packet',
    ],
  ])('%s is a protocol violation', (_name, bytes, message) => {
    expect(failure(bytes, true)).toMatchObject({ code: '08P01', severity: 'FATAL', message });
  });
});

describe('malformed', () => {
  const { message, cstring, int8, int16, int32 } = frontend;
  test.each([
    ['type 0', Buffer.from([0]), 'invalid frontend message type 0'],
    ['type 255', Buffer.from([255, 0, 0, 0, 4]), 'invalid frontend message type 255'],
    ['length under 4', Buffer.from([0x51, 0, 0, 0, 3]), 'invalid message length'],
    ['negative length', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]), 'invalid message length'],
    [
      'a longer message than allowed',
      Buffer.from([0x51, 0, 1, 0x86, 0xa1]),
      'invalid message length',
    ],
    ['a long Sync', Buffer.from([0x53, 0, 0, 0x27, 0x11]), 'invalid message length'],
    ['a Sync with a body', message('S', int8(0)), 'invalid message format'],
    [
      'a query without its zero',
      message('Q', Buffer.from('select 1')),
      'invalid string in message',
    ],
    [
      'a query with a zero inside',
      message('Q', cstring('a'), cstring('b')),
      'invalid message format',
    ],
    ['an empty Describe', message('D'), 'no data left in message'],
    [
      'a Describe of something',
      message('D', Buffer.from('X'), cstring('')),
      'invalid DESCRIBE message subtype 88',
    ],
    [
      'a Close of something',
      message('C', Buffer.from('X'), cstring('')),
      'invalid CLOSE message subtype 88',
    ],
    [
      'a Parse with fewer types than said',
      message('P', cstring(''), cstring(''), int16(2), int32(23)),
      'insufficient data left in message',
    ],
    [
      'a Bind with a longer value than its message',
      message('B', cstring(''), cstring(''), int16(0), int16(1), int32(9), int16(0)),
      'insufficient data left in message',
    ],
    [
      'a Bind with a length of -2',
      message('B', cstring(''), cstring(''), int16(0), int16(1), int32(-2), int16(0)),
      'insufficient data left in message',
    ],
    [
      'a Bind without result formats',
      message('B', cstring(''), cstring(''), int16(0), int16(0)),
      'insufficient data left in message',
    ],
  ])('%s', (_name, bytes, text) => {
    expect(failure(bytes)).toMatchObject({ code: '08P01', severity: 'FATAL', message: text });
  });

  test.each([
    ['ff', '0xff'],
    ['6161c3', '0xc3'],
    ['61c328', '0xc3 0x28'],
    ['eda080', '0xed 0xa0 0x80'],
    ['f09f98', '0xf0 0x9f 0x98'],
    [`${'c3a9'.repeat(5000)}80`, '0x80'],
  ])('text that is not UTF-8 is an error of its statement: %s', (hex, shown) => {
    const decoder = new FrontendDecoder();
    decoder.push(message('Q', Buffer.from(hex, 'hex'), int8(0)));
    decoder.push(frontend.sync());
    expect(decoder.next()).toMatchObject({
      kind: 'invalidText',
      of: 'query',
      error: {
        report: {
          code: '22021',
          severity: 'ERROR',
          message: `invalid byte sequence for encoding "UTF8": ${shown}`,
        },
      },
    });
    expect(decoder.next()).toEqual({ kind: 'sync' });
  });

  test('random bytes give messages or a PgError', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const letter = fc.constantFrom(...Buffer.from('QPBDECHSXFdcfp'));
    const framed = fc
      .tuple(letter, fc.uint8Array({ maxLength: 60 }))
      .map(([type, body]) => message(String.fromCharCode(type), Buffer.from(body)));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bytes, framed), { maxLength: 8 }),
        fc.boolean(),
        (chunks, startup) => {
          const decoder = new FrontendDecoder();
          try {
            for (const chunk of chunks) {
              decoder.push(Buffer.from(chunk));
              while ((startup ? decoder.nextStartup() : decoder.next()) !== undefined);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(PgError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
