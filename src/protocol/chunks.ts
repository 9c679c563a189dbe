/** Received bytes that are not decoded yet: a list of chunks, read as one, copied only where a message spans two. */

/** Chunks shorter than this are gathered, so that a client sending single bytes costs no more than its bytes. */
const smallChunkBytes = 2048;
const gatherBytes = 16 * 1024;

export class ChunkList {
  private chunks: Buffer[] = [];
  /** Offset of the first unread byte in chunks[0]. */
  private offset = 0;
  /** Where small chunks are gathered; its used part is the last of `chunks` while gatheredAt >= 0. */
  private gather: Buffer | undefined;
  private gatherStart = 0;
  private gatherEnd = 0;

  /** Unread bytes. */
  length = 0;

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.length === 0) {
      this.chunks.length = 0;
      this.chunks.push(chunk);
      this.offset = 0;
      this.gather = undefined;
    } else if (chunk.length < smallChunkBytes) {
      this.pushSmall(chunk);
    } else {
      this.chunks.push(chunk);
      this.gather = undefined;
    }
    this.length += chunk.length;
  }

  private pushSmall(chunk: Buffer): void {
    if (this.gather !== undefined && this.gatherEnd + chunk.length <= this.gather.length) {
      // Bytes already handed out as views lie before gatherEnd, so they stay as they are.
      chunk.copy(this.gather, this.gatherEnd);
      this.gatherEnd += chunk.length;
      this.chunks[this.chunks.length - 1] = this.gather.subarray(this.gatherStart, this.gatherEnd);
      return;
    }
    this.gather = Buffer.allocUnsafeSlow(gatherBytes);
    this.gatherStart = 0;
    this.gatherEnd = chunk.copy(this.gather);
    this.chunks.push(this.gather.subarray(0, this.gatherEnd));
  }

  /** The byte at `index` from the first unread one; index < length. */
  byteAt(index: number): number {
    let at = this.offset + index;
    for (const chunk of this.chunks) {
      if (at < chunk.length) return chunk[at]!;
      at -= chunk.length;
    }
    return 0;
  }

  uint32At(index: number): number {
    const first = this.chunks[0]!;
    const at = this.offset + index;
    if (at + 4 <= first.length) return first.readUInt32BE(at);
    return (
      this.byteAt(index) * 0x1000000 +
      ((this.byteAt(index + 1) << 16) | (this.byteAt(index + 2) << 8) | this.byteAt(index + 3))
    );
  }

  /** The chunk and position where the next `count` bytes lie in one piece; copies them together when they don't. */
  readonly taken: { buffer: Buffer; start: number } = { buffer: Buffer.alloc(0), start: 0 };

  /** Moves past `count` bytes (count <= length) and leaves them in `taken`. */
  take(count: number): void {
    const first = this.chunks[0]!;
    const start = this.offset;
    if (start + count <= first.length) {
      this.taken.buffer = first;
      this.taken.start = start;
      this.skip(count);
      return;
    }
    const whole = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const chunk = this.chunks[0]!;
      const copied = chunk.copy(whole, filled, this.offset, this.offset + count - filled);
      filled += copied;
      this.skip(copied);
    }
    this.taken.buffer = whole;
    this.taken.start = 0;
  }

  private skip(count: number): void {
    this.offset += count;
    this.length -= count;
    if (this.offset < this.chunks[0]!.length) return;
    if (this.chunks.length === 1) this.gather = undefined;
    this.chunks.shift();
    this.offset = 0;
  }

  clear(): void {
    this.chunks.length = 0;
    this.offset = 0;
    this.length = 0;
    this.gather = undefined;
  }
}
