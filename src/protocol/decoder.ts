/**
 * The client's byte stream to messages, incrementally. `push` chunks as they arrive, then call `next` until it returns
 * undefined. Messages are decoded one by one when asked for, so the undecoded bytes are the queue.
 * What is malformed throws a PgError (08P01, FATAL) with PostgreSQL's words; the stream is dead after that.
 */
import { bodyBytesMax, decodeBody } from './bodies.ts';
import { ChunkList } from './chunks.ts';
import type { SessionMessage, StartupPacket } from './frontend.ts';
import * as limits from './limits.ts';
import { protocolViolation } from './reader.ts';
import { decodeStartupPacket } from './startup.ts';

export interface DecoderLimits {
  readonly messageBytesMax?: number;
  readonly startupBytesMax?: number;
}

export class FrontendDecoder {
  private readonly chunks = new ChunkList();
  private readonly messageBytesMax: number;
  private readonly startupBytesMax: number;

  constructor(bounds: DecoderLimits = {}) {
    this.messageBytesMax = bounds.messageBytesMax ?? limits.messageBytesMax;
    this.startupBytesMax = bounds.startupBytesMax ?? limits.startupBytesMax;
  }

  /** `chunk` belongs to the decoder from now on: messages are views of it. */
  push(chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  /** Bytes received and not decoded. */
  get bufferedBytes(): number {
    return this.chunks.length;
  }

  /** Forgets what is buffered. */
  clear(): void {
    this.chunks.clear();
  }

  /** The next packet of the start-up phase (no type byte); undefined while it is incomplete. */
  nextStartup(): StartupPacket | undefined {
    const { chunks } = this;
    if (chunks.length < 4) return undefined;
    const length = chunks.uint32At(0);
    if (length < 8 || length > this.startupBytesMax) {
      throw protocolViolation('invalid length of startup packet');
    }
    if (chunks.length < length) return undefined;
    chunks.take(length);
    const { buffer, start } = chunks.taken;
    return decodeStartupPacket(buffer.subarray(start, start + length));
  }

  /** The next message after start-up; undefined while it is incomplete. */
  next(): SessionMessage | undefined {
    const { chunks } = this;
    if (chunks.length === 0) return undefined;
    // Type and length are judged as soon as they are there, not when the body has come.
    const type = chunks.byteAt(0);
    const bytesMax = bodyBytesMax(type, this.messageBytesMax);
    if (chunks.length < 5) return undefined;
    const length = chunks.uint32At(1);
    if (length < 4 || length > bytesMax) throw protocolViolation('invalid message length');
    if (chunks.length < length + 1) return undefined;
    chunks.take(length + 1);
    const { buffer, start } = chunks.taken;
    return decodeBody(type, buffer, start + 5, start + 1 + length);
  }
}
