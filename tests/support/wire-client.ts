/** A client that speaks raw messages: what drivers can't or won't send. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { decodeBackend } from './backend.ts';
import type { BackendMessage } from './backend.ts';
import * as frontend from './frontend.ts';

const waitMs = 15_000;

export class WireClient {
  readonly socket: Socket;
  /** Received and not yet asked for. */
  readonly messages: BackendMessage[] = [];
  ended = false;
  /** How often bytes arrived: one write of the server is mostly one arrival. */
  arrivals = 0;
  private unread = Buffer.alloc(0) as Buffer;
  private raw = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.arrivals++;
      this.unread = this.unread.length === 0 ? chunk : Buffer.concat([this.unread, chunk]);
      if (!this.raw) this.decode();
      this.wake?.();
    });
    const end = (): void => {
      this.ended = true;
      this.wake?.();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  static connect(port: number, host = '127.0.0.1'): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new WireClient(socket));
      });
    });
  }

  /** Connected, started and past the first ReadyForQuery. */
  static async open(
    port: number,
    parameters: Readonly<Record<string, string>> = { user: 'test', database: 'test' },
    minor = 0,
  ): Promise<WireClient & { key: { processId: number; secretKey: Buffer } }> {
    const client = await WireClient.connect(port);
    client.send(frontend.startup(parameters, { major: 3, minor }));
    const answers = await client.until('ReadyForQuery');
    const data = answers.find((answer) => answer.type === 'BackendKeyData');
    const key = { processId: data?.['processId'], secretKey: data?.['secretKey'] } as {
      processId: number;
      secretKey: Buffer;
    };
    return Object.assign(client, { key });
  }

  private decode(): void {
    try {
      const { messages, rest } = decodeBackend(this.unread);
      this.messages.push(...messages);
      this.unread = rest;
    } catch (error) {
      this.failure = error as Error;
    }
  }

  send(...messages: Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  /** One byte that is no message: the answer to SSLRequest. */
  async byte(): Promise<string> {
    this.raw = true;
    await this.wait(() => this.unread.length > 0);
    const byte = String.fromCharCode(this.unread[0]!);
    this.unread = this.unread.subarray(1);
    this.raw = false;
    this.decode();
    return byte;
  }

  async next(): Promise<BackendMessage> {
    await this.wait(() => this.messages.length > 0);
    return this.messages.shift()!;
  }

  /** Everything up to and including the next message of `type`. */
  async until(type: string): Promise<BackendMessage[]> {
    const seen: BackendMessage[] = [];
    for (;;) {
      const message = await this.next();
      seen.push(message);
      if (message.type === type) return seen;
    }
  }

  /** Everything until the server closes. */
  async untilEnd(): Promise<BackendMessage[]> {
    await this.wait(() => this.ended);
    return this.messages.splice(0);
  }

  private async wait(ready: () => boolean): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (!ready()) {
      if (this.failure !== undefined) throw this.failure;
      if (this.ended) throw new Error('the server closed the connection');
      if (Date.now() > deadline) throw new Error(`no answer in ${waitMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = undefined;
    }
  }

  close(): void {
    this.socket.destroy();
  }
}
