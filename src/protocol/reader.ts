/** Reads the fields of one message's body; errors are PostgreSQL's (libpq/pqformat.c). */
import { PgError, SqlState } from '../base/index.ts';
import { decodeText } from './text.ts';

/** 08P01 that ends the connection: the stream can no longer be trusted. */
export function protocolViolation(message: string): PgError {
  return new PgError(SqlState.protocolViolation, message, { severity: 'FATAL' });
}

const insufficient = 'insufficient data left in message';

export class BodyReader {
  private buffer: Buffer;
  private at: number;
  private readonly end: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  int8(): number {
    if (this.at >= this.end) throw protocolViolation('no data left in message');
    return this.buffer[this.at++]!;
  }

  uint16(): number {
    if (this.at + 2 > this.end) throw protocolViolation(insufficient);
    const { buffer, at } = this;
    this.at += 2;
    return (buffer[at]! << 8) | buffer[at + 1]!;
  }

  int32(): number {
    if (this.at + 4 > this.end) throw protocolViolation(insufficient);
    const { buffer, at } = this;
    this.at += 4;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }

  /** A view, not a copy. */
  bytes(count: number): Buffer {
    if (count < 0 || count > this.end - this.at) throw protocolViolation(insufficient);
    const start = this.at;
    this.at += count;
    return this.buffer.subarray(start, this.at);
  }

  rest(): Buffer {
    return this.bytes(this.end - this.at);
  }

  /** Up to and including its zero byte. */
  cstring(): string {
    const { buffer, at } = this;
    if (at < this.end && buffer[at] === 0) {
      this.at = at + 1;
      return '';
    }
    const zero = buffer.indexOf(0, at);
    if (zero < 0 || zero >= this.end) throw protocolViolation('invalid string in message');
    this.at = zero + 1;
    return decodeText(buffer, at, zero);
  }

  /** The position after a string that could not be decoded is lost, so checks of what follows are too. */
  finish(): void {
    if (this.at !== this.end) throw protocolViolation('invalid message format');
  }
}
