import { pgType } from '../types/registry.ts';
import type { TypeContext } from '../types/type.ts';
import type { Row, Value } from '../types/value.ts';
import { formatOf } from './encode-rows.ts';

/**
 * DataRow bodies that PostgreSQL has encoded as rows of values. Of a type that only PostgreSQL knows the value is its text,
 * which is how rowEncoder takes it.
 */
export function decodeRows(
  bodies: readonly Uint8Array[],
  fields: readonly { readonly typeOid: number; readonly typmod: number }[],
  formats: readonly number[],
  types: TypeContext,
): Row[] {
  const decoders = fields.map(({ typeOid, typmod }, i): ((bytes: Buffer) => Value) => {
    const type = pgType(typeOid);
    if (formatOf(formats, i) === 1 && type !== undefined) return (at) => type.decode(at, typmod);
    return (at) => {
      const text = at.toString('utf8');
      return type?.parse(text, typmod, types) ?? text;
    };
  });
  return bodies.map((body) => {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
    // Past the number of columns.
    let at = 2;
    return decoders.map((decode) => {
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) return null;
      const value = decode(bytes.subarray(at, at + length));
      at += length;
      return value;
    });
  });
}
