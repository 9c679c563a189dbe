/** A TCP relay in front of the server that keeps every byte that a client received. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';

export interface WireTap {
  readonly port: number;
  /** Everything that connections through this tap have received since `forget`. */
  received(): Buffer;
  forget(): void;
  close(): Promise<void>;
}

/** Tests receive little; more than this is a mistake in the test. */
const receivedBytesMax = 64 * 1024 * 1024;

export async function openWireTap(serverPort: number): Promise<WireTap> {
  let chunks: Buffer[] = [];
  let total = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    }
    server.on('data', (chunk: Buffer) => {
      total += chunk.length;
      if (total > receivedBytesMax) server.destroy(new Error('too much received'));
      chunks.push(chunk);
    });
    client.pipe(server);
    server.pipe(client);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    received: () => Buffer.concat(chunks),
    forget() {
      chunks = [];
      total = 0;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}
