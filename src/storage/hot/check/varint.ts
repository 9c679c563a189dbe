/** Reads LevelDB's variable-length integers and what they give the length of. Throws RangeError past the end. */
export interface VarintReader {
  readonly atEnd: boolean;
  readonly at: number;
  number(): number;
  bytes(): Buffer;
}

export function varintReader(from: Buffer, start = 0, end = from.length): VarintReader {
  let at = start;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= end || scale > 2 ** 49) throw new RangeError('a number that does not end');
      const byte = from[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  return {
    get atEnd() {
      return at >= end;
    },
    get at() {
      return at;
    },
    number,
    bytes() {
      const length = number();
      if (at + length > end) throw new RangeError('bytes past the end');
      at += length;
      return from.subarray(at - length, at);
    },
  };
}
