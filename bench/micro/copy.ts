/** How fast COPY's codecs are on one thread: rows a second, by format and direction. `node bench/micro/copy.ts [rows]` */
import {
  createCopyDecoder,
  createCopyEncoder,
  readCopyOptions,
} from '../../src/session/copy/index.ts';
import type { CopyColumn, CopyOptions } from '../../src/session/copy/index.ts';
import { timestampType } from '../../src/types/datetime/timestamp-type.ts';
import { int4Type } from '../../src/types/integer.ts';
import { textType } from '../../src/types/text.ts';
import { defaultTypeContext } from '../../src/types/type.ts';
import type { Row } from '../../src/types/value.ts';

const rowsWanted = Number(process.argv[2] ?? 3_000_000);
/** As CopyData arrives from the network. */
const chunkBytes = 64 * 1024;
const rounds = 3;

const columns: readonly CopyColumn[] = [
  { name: 'departure', type: timestampType, typmod: -1 },
  { name: 'delay', type: int4Type, typmod: -1 },
  { name: 'distance', type: int4Type, typmod: -1 },
  { name: 'origin', type: textType, typmod: -1 },
  { name: 'destination', type: textType, typmod: -1 },
];

function* flights(count: number): Generator<Row> {
  const airports = Array.from({ length: 300 }, (_, i) =>
    String.fromCharCode(65 + (i % 26), 65 + ((i * 7) % 26), 65 + ((i * 11) % 26)),
  );
  for (let i = 0; i < count; i++) {
    const micros = 31_536_000_000_000n + BigInt(i) * 10_000_000n;
    yield [micros, (i % 200) - 20, 100 + (i % 2500), airports[i % 300]!, airports[(i * 13) % 300]!];
  }
}

function option(name: string, value: string): object {
  return { DefElem: { defname: name, arg: { String: { sval: value } } } };
}

function encodeAll(options: CopyOptions): { chunks: Buffer[]; seconds: number } {
  const encoder = createCopyEncoder(options, columns, defaultTypeContext);
  const sample = [...flights(100_000)];
  const parts = [encoder.start()];
  const started = performance.now();
  for (let done = 0; done < rowsWanted; done += sample.length) {
    for (const row of sample) parts.push(encoder.row(row));
  }
  const seconds = (performance.now() - started) / 1000;
  parts.push(encoder.end());
  const all = Buffer.concat(parts);
  const chunks: Buffer[] = [];
  for (let at = 0; at < all.length; at += chunkBytes) {
    chunks.push(all.subarray(at, at + chunkBytes));
  }
  return { chunks, seconds };
}

function decodeAll(options: CopyOptions, chunks: readonly Buffer[]): number {
  const decoder = createCopyDecoder(options, columns, defaultTypeContext, {
    relation: 'flights',
    notice: () => undefined,
  });
  let rows = 0;
  for (const chunk of chunks) rows += decoder.push(chunk).length;
  return rows + decoder.finish().length;
}

for (const format of ['csv', 'text', 'binary']) {
  const nodes = [option('format', format)];
  const { chunks, seconds } = encodeAll(readCopyOptions(nodes, 'to'));
  const options = readCopyOptions(nodes, 'from');
  let best = Infinity;
  let rows = 0;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    rows = decodeAll(options, chunks);
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  const rate = (elapsed: number): string => Math.round(rows / elapsed).toLocaleString('en-US');
  console.log(`${format}: ${rate(best)} rows/s in, ${rate(seconds)} rows/s out`);
}
