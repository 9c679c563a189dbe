import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PgError } from '../../base/index.ts';
import { byteaType } from '../../types/bytea.ts';
import { int4Type } from '../../types/integer.ts';
import { textType } from '../../types/text.ts';
import { defaultTypeContext } from '../../types/type.ts';
import type { Row } from '../../types/value.ts';
import type { CopyColumn, CopyDecoder } from './index.ts';
import { createCopyDecoder, readCopyOptions } from './index.ts';

const columns: readonly CopyColumn[] = [
  { name: 'a', type: int4Type, typmod: -1 },
  { name: 'b', type: textType, typmod: -1 },
  { name: 'c', type: byteaType, typmod: -1 },
];

function decoder(format: string, of: readonly CopyColumn[] = columns): CopyDecoder {
  const node = { DefElem: { defname: 'format', arg: { String: { sval: format } } } };
  return createCopyDecoder(readCopyOptions([node], 'from'), of, defaultTypeContext, {
    relation: 't',
    notice: () => undefined,
  });
}

function decode(format: string, data: Uint8Array, chunkBytes: number): Row[] | string {
  const reader = decoder(format);
  try {
    const rows: Row[] = [];
    for (let at = 0; at < data.length; at += chunkBytes) {
      rows.push(...reader.push(data.subarray(at, at + chunkBytes)));
    }
    rows.push(...reader.finish());
    return rows;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return `${error.code} ${error.message} ${error.report.where}`;
  }
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

test.each(['text', 'csv', 'binary'])(
  'any bytes of %s are rows or a PgError, however cut',
  (format) => {
    const prefix = format === 'binary' ? signature : Buffer.alloc(0);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60, max: 13 }),
      fc.string({ maxLength: 60 }).map((text) => Uint8Array.from(Buffer.from(text))),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 9 }), (tail, chunkBytes) => {
        const data = Buffer.concat([prefix, tail]);
        expect(decode(format, data, chunkBytes)).toEqual(decode(format, data, data.length + 1));
      }),
      { numRuns: 1500 },
    );
  },
);

const longBytes = 24 * 1024 * 1024;
const chunkBytes = 64 * 1024;

test.each([
  ['csv', 'lines in quotes', `1,"${'x\n'.repeat(longBytes / 2)}",\n`],
  ['text', 'one line', `1\t${'x'.repeat(longBytes)}\t\n`],
  ['csv', 'one line', `1,${'x'.repeat(longBytes)},\n`],
])(
  'a long field costs no square of its length (%s, %s)',
  (format, _, text) => {
    const data = Buffer.from(text);
    const reader = decoder(format);
    const rows: Row[] = [];
    for (let at = 0; at < data.length; at += chunkBytes) {
      rows.push(...reader.push(data.subarray(at, at + chunkBytes)));
    }
    rows.push(...reader.finish());
    expect(rows).toHaveLength(1);
    expect(rows[0]![1]).toHaveLength(longBytes);
  },
  10_000,
);

test('values do not point into what was pushed', () => {
  const reader = decoder('binary');
  const row = Buffer.from('\0\x03\0\0\0\x04\0\0\0\x07\0\0\0\x01x\0\0\0\x02ab', 'latin1');
  const data = Buffer.concat([signature, row]);
  const [first] = reader.push(data);
  data.fill(0);
  expect(first).toEqual([7, 'x', Uint8Array.from(Buffer.from('ab'))]);
});

test('an error in storing a row is placed at its line', () => {
  const reader = decoder('csv', columns.slice(0, 2));
  const rows = reader.push(Buffer.from('1,a\n2,b\n'));
  expect(rows).toHaveLength(2);
  const error = reader.locate(new PgError('23505', 'duplicate', { table: 't' }), 1);
  expect(error.report).toMatchObject({ code: '23505', table: 't', where: 'COPY t, line 2' });
});
