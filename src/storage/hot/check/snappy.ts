import { varintReader } from './varint.ts';

/** Uncompresses one block of Snappy's raw format. Throws RangeError when it is none. */
export function unsnap(from: Buffer): Buffer {
  const head = varintReader(from);
  const out = Buffer.allocUnsafe(head.number());
  let at = head.at;
  let to = 0;
  const need = (ok: boolean): void => {
    if (!ok) throw new RangeError('not compressed by Snappy');
  };
  while (at < from.length) {
    const tag = from[at++]!;
    let length = tag >>> 2;
    if ((tag & 3) === 0) {
      if (length >= 60) {
        const bytes = length - 59;
        need(at + bytes <= from.length);
        length = from.readUIntLE(at, bytes);
        at += bytes;
      }
      length++;
      need(at + length <= from.length && to + length <= out.length);
      from.copy(out, to, at, at + length);
      at += length;
      to += length;
      continue;
    }
    let offset: number;
    if ((tag & 3) === 1) {
      need(at < from.length);
      length = 4 + (length & 7);
      offset = ((tag >>> 5) << 8) | from[at++]!;
    } else {
      const bytes = (tag & 3) === 2 ? 2 : 4;
      need(at + bytes <= from.length);
      length++;
      offset = from.readUIntLE(at, bytes);
      at += bytes;
    }
    need(offset > 0 && offset <= to && to + length <= out.length);
    // Byte by byte: what is copied may overlap what it makes.
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset]!;
  }
  need(to === out.length);
  return out;
}
