/** A connection's Output over its socket: what is written but not taken by the client stays below a bound. */
import type { Socket } from 'node:net';
import type { Report } from '../base/index.ts';
import { MessageWriter } from '../protocol/index.ts';
import type { Output } from '../session/connection.ts';

export class SocketOutput implements Output {
  readonly writer = new MessageWriter();
  closed = false;
  readonly terminate: (report: Report) => void;
  private readonly socket: Socket;
  private readonly outputBytesMax: number;
  private behind: Promise<void> | undefined;
  private caughtUp: (() => void) | undefined;

  constructor(socket: Socket, outputBytesMax: number, terminate: (report: Report) => void) {
    this.socket = socket;
    this.outputBytesMax = outputBytesMax;
    this.terminate = terminate;
  }

  flush(): void | Promise<void> {
    const { writer, socket } = this;
    // A destroyed socket swallows writes and never lags: its session would run to the end for nobody.
    if (this.closed || socket.destroyed) {
      this.close();
      return;
    }
    if (writer.length > 0) this.send();
    if (socket.writableLength <= this.outputBytesMax) return;
    this.behind ??= new Promise((resolve) => {
      this.caughtUp = resolve;
    });
    return this.behind;
  }

  private send(): void {
    const { writer, socket } = this;
    const bytes = writer.contents();
    // A callback costs a turn of the event loop, so only a write that someone may wait for has one.
    if (socket.writableLength + bytes.length > this.outputBytesMax) {
      socket.write(bytes, this.written);
    } else {
      socket.write(bytes);
    }
    // Nothing left in the queue means that the kernel has copied all of it: the memory is ours again.
    if (socket.writableLength === 0) writer.reset();
    else writer.release();
  }

  private readonly written = (error?: Error | null): void => {
    if (error) this.close();
    else if (this.socket.writableLength <= this.outputBytesMax / 2) this.release();
  };

  private release(): void {
    const { caughtUp } = this;
    this.behind = undefined;
    this.caughtUp = undefined;
    caughtUp?.();
  }

  /** The client is gone: whoever waits goes on, and what is written from now on is dropped. */
  close(): void {
    this.closed = true;
    this.writer.reset();
    this.release();
  }
}
