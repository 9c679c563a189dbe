/** A growing byte buffer that is used again and again. */

/** What a fresh or emptied buffer starts with; most answers fit. */
const initialBytes = 4 * 1024;
/** A larger buffer is let go of once its contents are sent. */
const retainedBytesMax = 256 * 1024;
/** Up to this many characters a loop beats the call into the runtime. */
const shortTextChars = 24;

export class OutputBuffer {
  protected buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  protected at = 0;

  /** Bytes written and not taken. */
  get length(): number {
    return this.at;
  }

  /** A view of everything written; valid until the next write. Follow it with `reset` or `release`. */
  contents(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  /** Empties the buffer to use its memory again: the view from `contents` must not be needed any more. */
  reset(): void {
    this.at = 0;
    if (this.buffer.length > retainedBytesMax) this.buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Empties the buffer and leaves its memory to whoever holds the view from `contents`. */
  release(): void {
    // The next answer is likely to be about as long: start with room for as much as was needed now, within bounds.
    const size = Math.min(Math.max(initialBytes, this.at), retainedBytesMax);
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.at = 0;
  }

  /** Makes room for `count` more bytes. */
  protected reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
  }

  protected int8(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  protected int16(value: number): void {
    this.reserve(2);
    const { buffer, at } = this;
    buffer[at] = value >>> 8;
    buffer[at + 1] = value;
    this.at = at + 2;
  }

  protected int32(value: number): void {
    this.reserve(4);
    this.int32At(this.at, value);
    this.at += 4;
  }

  protected int32At(at: number, value: number): void {
    const { buffer } = this;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }

  protected bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  /** UTF-8, without a terminator. */
  protected text(value: string): void {
    const { length } = value;
    if (length <= shortTextChars) {
      this.reserve(length * 3);
      const { buffer, at } = this;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at + i] = code;
      }
      // Past the first other character the runtime's encoder takes the whole text.
      this.at += i === length ? length : buffer.write(value, at, 'utf8');
      return;
    }
    // Three bytes a UTF-16 unit is the most there can be; for long texts it is worth asking for less.
    this.reserve(length <= initialBytes ? length * 3 : Buffer.byteLength(value));
    this.at += this.buffer.write(value, this.at, 'utf8');
  }

  /** UTF-8 with the terminating zero byte. A zero inside would end it early for the client, so it is cut there. */
  protected cstring(value: string): void {
    const zero = value.indexOf('\0');
    this.text(zero < 0 ? value : value.slice(0, zero));
    this.int8(0);
  }
}
