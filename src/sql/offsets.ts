/** Where a place in rewritten text was in the text before. Offsets are JavaScript's (UTF-16), positions PostgreSQL's. */

/** Replaces `start` to `end` of the text by `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Offset in the new text to offset in the old. */
export type OffsetMap = (offset: number) => number;

export interface Edited {
  readonly text: string;
  readonly toOld: OffsetMap;
}

/** Edits must not overlap; any order. */
export function applyEdits(text: string, edits: readonly Edit[]): Edited {
  if (edits.length === 0) return { text, toOld: (offset) => offset };
  const sorted = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  /** Starts of copied pieces, in the new and the old text; what lies between them was put in. */
  const pieces: { newStart: number; oldStart: number; length: number }[] = [];
  let result = '';
  let at = 0;
  for (const edit of sorted) {
    pieces.push({ newStart: result.length, oldStart: at, length: edit.start - at });
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  pieces.push({ newStart: result.length, oldStart: at, length: text.length - at });
  result += text.slice(at);
  return {
    text: result,
    toOld: (offset) => {
      const piece = pieces.findLast((one) => one.newStart <= offset) ?? pieces[0]!;
      return piece.oldStart + Math.min(offset - piece.newStart, piece.length);
    },
  };
}

const surrogate = /[\uD800-\uDFFF]/;

/** 1-based position in characters (code points) of an offset. */
export function positionOf(text: string, offset: number): number {
  const before = text.slice(0, offset);
  return (surrogate.test(before) ? Array.from(before).length : before.length) + 1;
}

/** The offset of a 1-based position in characters. */
export function offsetOf(text: string, position: number): number {
  if (!surrogate.test(text)) return position - 1;
  let offset = 0;
  for (let i = 1; i < position && offset < text.length; i++) {
    offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** Byte offset in UTF-8 to offset in the string. */
export function byteOffsets(text: string): (byte: number) => number {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length === text.length) return (byte) => byte;
  // Built once per text that is not all ASCII.
  const offsets = new Uint32Array(bytes.length + 1);
  let offset = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if ((byte & 0xc0) === 0x80) {
      offsets[i] = offset;
      continue;
    }
    offsets[i] = offset;
    offset += byte >= 0xf0 ? 2 : 1;
  }
  offsets[bytes.length] = text.length;
  return (byte) => offsets[Math.min(byte, bytes.length)]!;
}
