import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBackend } from '../../tests/support/backend.ts';
import type { BackendMessage } from '../../tests/support/backend.ts';
import { MessageWriter } from './index.ts';

function written(write: (writer: MessageWriter) => void): BackendMessage[] {
  const writer = new MessageWriter();
  write(writer);
  const { messages, rest } = decodeBackend(writer.contents());
  expect(rest).toHaveLength(0);
  return messages;
}

const field = {
  name: 'é',
  tableOid: 4294967295,
  columnNumber: 2,
  typeOid: 25,
  typeSize: -1,
  typeModifier: -1,
  format: 1,
} as const;

const key = Buffer.alloc(32, 7);

const cases: [string, (w: MessageWriter) => void, BackendMessage][] = [
  [
    'authenticationOk',
    (w) => w.authenticationOk(),
    { type: 'AuthenticationOk', data: Buffer.alloc(0) },
  ],
  [
    'negotiateProtocolVersion',
    (w) => w.negotiateProtocolVersion(2, ['_pq_.a', '_pq_.b']),
    { type: 'NegotiateProtocolVersion', minor: 2, options: ['_pq_.a', '_pq_.b'] },
  ],
  [
    'parameterStatus',
    (w) => w.parameterStatus('TimeZone', 'UTC'),
    { type: 'ParameterStatus', name: 'TimeZone', value: 'UTC' },
  ],
  [
    'backendKeyData',
    (w) => w.backendKeyData(9, key),
    { type: 'BackendKeyData', processId: 9, secretKey: key },
  ],
  ['readyForQuery', (w) => w.readyForQuery('E'), { type: 'ReadyForQuery', status: 'E' }],
  ['parseComplete', (w) => w.parseComplete(), { type: 'ParseComplete' }],
  ['bindComplete', (w) => w.bindComplete(), { type: 'BindComplete' }],
  ['closeComplete', (w) => w.closeComplete(), { type: 'CloseComplete' }],
  ['noData', (w) => w.noData(), { type: 'NoData' }],
  ['portalSuspended', (w) => w.portalSuspended(), { type: 'PortalSuspended' }],
  ['emptyQueryResponse', (w) => w.emptyQueryResponse(), { type: 'EmptyQueryResponse' }],
  [
    'commandComplete',
    (w) => w.commandComplete('SELECT 3'),
    { type: 'CommandComplete', tag: 'SELECT 3' },
  ],
  [
    'parameterDescription',
    (w) => w.parameterDescription([23, 4294967295]),
    { type: 'ParameterDescription', types: [23, 4294967295] },
  ],
  [
    'rowDescription',
    (w) => w.rowDescription([field, { ...field, format: 0 }]),
    { type: 'RowDescription', fields: [field, { ...field, format: 0 }] },
  ],
  [
    'copyInResponse',
    (w) => w.copyInResponse(1, 2),
    { type: 'CopyInResponse', format: 1, columnFormats: [1, 1] },
  ],
  [
    'copyOutResponse',
    (w) => w.copyOutResponse(0, 3),
    { type: 'CopyOutResponse', format: 0, columnFormats: [0, 0, 0] },
  ],
  [
    'copyBothResponse',
    (w) => w.copyBothResponse(0, 0),
    { type: 'CopyBothResponse', format: 0, columnFormats: [] },
  ],
  [
    'copyData',
    (w) => w.copyData(Buffer.from('a\tb\n')),
    { type: 'CopyData', data: Buffer.from('a\tb\n') },
  ],
  ['copyDataText', (w) => w.copyDataText('é\n'), { type: 'CopyData', data: Buffer.from('é\n') }],
  ['copyDone', (w) => w.copyDone(), { type: 'CopyDone' }],
  [
    'notificationResponse',
    (w) => w.notificationResponse(1, 'c', 'p'),
    { type: 'NotificationResponse', processId: 1, channel: 'c', payload: 'p' },
  ],
  [
    'errorResponse',
    (w) =>
      w.errorResponse({
        severity: 'ERROR',
        code: '23505',
        message: 'm',
        detail: 'd',
        hint: 'h',
        position: 3,
        internalPosition: 4,
        internalQuery: 'q',
        where: 'w',
        schema: 's',
        table: 't',
        column: 'c',
        dataType: 'dt',
        constraint: 'n',
        file: 'f',
        line: '5',
        routine: 'r',
      }),
    {
      type: 'ErrorResponse',
      severity: 'ERROR',
      severityNonlocalized: 'ERROR',
      code: '23505',
      message: 'm',
      detail: 'd',
      hint: 'h',
      position: '3',
      internalPosition: '4',
      internalQuery: 'q',
      where: 'w',
      schema: 's',
      table: 't',
      column: 'c',
      dataType: 'dt',
      constraint: 'n',
      file: 'f',
      line: '5',
      routine: 'r',
    },
  ],
  [
    'noticeResponse',
    (w) => w.noticeResponse({ severity: 'WARNING', code: '01000', message: 'cut\0here' }),
    {
      type: 'NoticeResponse',
      severity: 'WARNING',
      severityNonlocalized: 'WARNING',
      code: '01000',
      message: 'cut',
    },
  ],
];

describe('messages', () => {
  test.each(cases)('%s', (_name, write, expected) => {
    expect(written(write)).toEqual([expected]);
  });

  test('all of them in one buffer', () => {
    const all = written((writer) => {
      for (const [, write] of cases) write(writer);
    });
    expect(all).toEqual(cases.map(([, , expected]) => expected));
  });
});

describe('rows', () => {
  test('of text, whatever its characters and length', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: 'binary-ascii', maxLength: 80 }),
      fc.tuple(fc.string({ unit: 'binary' }), fc.nat(3000)).map(([s, n]) => s.repeat(n)),
    );
    fc.assert(
      fc.property(fc.array(fc.option(text), { maxLength: 6 }), (values) => {
        const writer = new MessageWriter();
        writer.beginDataRow(values.length);
        for (const value of values) {
          if (value === null) writer.fieldNull();
          else writer.fieldText(value);
        }
        writer.endDataRow();
        const bytes = writer.contents();
        expect(bytes.readUInt32BE(1)).toBe(bytes.length - 1);
        let at = 7;
        for (const value of values) {
          const length = bytes.readInt32BE(at);
          at += 4;
          if (value === null) expect(length).toBe(-1);
          else expect(bytes.subarray(at, at + length).equals(Buffer.from(value))).toBe(true);
          at += Math.max(length, 0);
        }
        expect(at).toBe(bytes.length);
      }),
    );
  });

  test('of binary values', () => {
    const [row] = written((writer) => {
      writer.beginDataRow(7);
      writer.fieldBool(true);
      writer.fieldInt16(-2);
      writer.fieldInt32(-3);
      writer.fieldInt64(-4n);
      writer.fieldFloat32(1.5);
      writer.fieldFloat64(-2.5);
      writer.fieldBytes(Buffer.from([0, 255]));
      writer.endDataRow();
    });
    expect(row?.['values']).toEqual([
      '\\x01',
      '\\xfffe',
      '\\xfffffffd',
      '\\xfffffffffffffffc',
      '\\x3fc00000',
      '\\xc004000000000000',
      '\\x00ff',
    ]);
  });

  test('encoded already', () => {
    const body = Buffer.from([0, 1, 0, 0, 0, 1, 65]);
    const messages = written((writer) => {
      writer.dataRow(body);
      writer.raw(Buffer.concat([Buffer.from([0x44, 0, 0, 0, 11]), body]));
    });
    expect(messages).toEqual([
      { type: 'DataRow', values: ['A'] },
      { type: 'DataRow', values: ['A'] },
    ]);
  });

  test('that failed half way leave nothing', () => {
    const messages = written((writer) => {
      writer.bindComplete();
      writer.beginDataRow(2);
      writer.fieldText('half');
      writer.discardUnfinished();
      writer.readyForQuery('I');
    });
    expect(messages.map((message) => message.type)).toEqual(['BindComplete', 'ReadyForQuery']);
  });
});

describe('the buffer', () => {
  test('is used again after reset, and given away by release', () => {
    const writer = new MessageWriter();
    writer.bindComplete();
    const first = writer.contents();
    writer.reset();
    expect(writer.length).toBe(0);
    writer.noData();
    expect(writer.contents().buffer).toBe(first.buffer);
    const given = writer.contents();
    writer.release();
    writer.bindComplete();
    expect(decodeBackend(given).messages).toEqual([{ type: 'NoData' }]);
  });

  test('knows whether the client is waiting', () => {
    const writer = new MessageWriter();
    expect(writer.holdsReadyForQuery).toBe(false);
    writer.readyForQuery('I');
    expect(writer.holdsReadyForQuery).toBe(true);
    writer.reset();
    expect(writer.holdsReadyForQuery).toBe(false);
    expect(writer.atReadyForQuery).toBe(true);
    writer.noticeResponse({ severity: 'NOTICE', code: '00000', message: '' });
    expect(writer.atReadyForQuery).toBe(true);
    writer.bindComplete();
    expect(writer.atReadyForQuery).toBe(false);
  });
});
