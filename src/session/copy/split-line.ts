/** Splits one line into fields and takes their escapes and quotes away. The general way; line-decoder.ts has a fast one. */
import { isUtf8 } from 'node:buffer';
import { decodeUtf8 } from '../../types/utf8.ts';

/** A field's text, null where it is the NULL marker; `isDefault` where it is the DEFAULT marker. */
export interface SplitFields {
  readonly texts: (string | null)[];
  readonly isDefault: boolean[];
}

export interface FieldSyntax {
  readonly delimiter: number;
  readonly quote: number;
  readonly escape: number;
  readonly nullMarker: Buffer;
  readonly defaultMarker: Buffer | undefined;
}

const backslash = 0x5c;

const isMarker = (line: Buffer, start: number, end: number, marker: Buffer | undefined): boolean =>
  marker !== undefined && line.compare(marker, 0, marker.length, start, end) === 0;

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const isOctal = (byte: number | undefined): byte is number =>
  byte !== undefined && byte >= 0x30 && byte <= 0x37;

/** What `\b` and kin stand for; other characters stand for themselves. */
const controls: ReadonlyMap<number, number> = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b],
]);

/** Throws 22021 when an escape made bytes that are not UTF-8. */
export function splitText(line: Buffer, syntax: FieldSyntax): SplitFields {
  const fields: SplitFields = { texts: [], isDefault: [] };
  const output = Buffer.allocUnsafe(line.length);
  let at = 0;
  for (;;) {
    const start = at;
    let end = line.length;
    let used = 0;
    let mayBeInvalid = false;
    let found = false;
    while (at < line.length) {
      let byte = line[at++]!;
      if (byte === syntax.delimiter) {
        end = at - 1;
        found = true;
        break;
      }
      if (byte === backslash) {
        if (at >= line.length) {
          // A lone backslash at the end of the line counts for nothing, not even for the marker.
          end = at - 1;
          break;
        }
        byte = line[at++]!;
        if (isOctal(byte)) {
          let value = byte - 0x30;
          for (let i = 0; i < 2 && isOctal(line[at]); i++) value = value * 8 + line[at++]! - 0x30;
          byte = value & 0xff;
          mayBeInvalid ||= byte === 0 || byte > 0x7f;
        } else if (byte === 0x78 && hexDigit(line[at]) >= 0) {
          let value = hexDigit(line[at++]);
          if (hexDigit(line[at]) >= 0) value = value * 16 + hexDigit(line[at++]);
          byte = value;
          mayBeInvalid ||= byte === 0 || byte > 0x7f;
        } else {
          byte = controls.get(byte) ?? byte;
        }
      }
      output[used++] = byte;
    }
    const isNull = isMarker(line, start, end, syntax.nullMarker);
    const isDefault = !isNull && isMarker(line, start, end, syntax.defaultMarker);
    fields.isDefault.push(isDefault);
    if (isNull) fields.texts.push(null);
    else if (mayBeInvalid && !isDefault) fields.texts.push(decodeUtf8(output.subarray(0, used)));
    else fields.texts.push(output.toString('utf8', 0, used));
    if (!found) return fields;
  }
}

/** Undefined when the line ends inside quotes. */
export function splitCsv(line: Buffer, syntax: FieldSyntax): SplitFields | undefined {
  const { delimiter, quote, escape } = syntax;
  const fields: SplitFields = { texts: [], isDefault: [] };
  const output = Buffer.allocUnsafe(line.length);
  let at = 0;
  for (;;) {
    const start = at;
    let end = line.length;
    let used = 0;
    let wasQuoted = false;
    let quoted = false;
    let found = false;
    while (at < line.length) {
      const byte = line[at++]!;
      if (quoted) {
        const next = line[at];
        if (byte === escape && next !== undefined && (next === escape || next === quote)) {
          output[used++] = next;
          at++;
        } else if (byte === quote) {
          quoted = false;
        } else {
          output[used++] = byte;
        }
      } else if (byte === delimiter) {
        end = at - 1;
        found = true;
        break;
      } else if (byte === quote) {
        quoted = true;
        wasQuoted = true;
      } else {
        output[used++] = byte;
      }
    }
    if (quoted) return undefined;
    const isNull = !wasQuoted && isMarker(line, start, end, syntax.nullMarker);
    fields.isDefault.push(
      !isNull && !wasQuoted && isMarker(line, start, end, syntax.defaultMarker),
    );
    fields.texts.push(isNull ? null : output.toString('utf8', 0, used));
    if (!found) return fields;
  }
}

/** Whether PostgreSQL takes these bytes as text: UTF-8 without a zero. */
export const isText = (bytes: Buffer): boolean => isUtf8(bytes) && !bytes.includes(0);
