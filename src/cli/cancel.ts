import { once } from 'node:events';
import { connect } from 'node:net';
import type pg from 'pg';

/** CancelRequest's number, in place of a protocol version: https://www.postgresql.org/docs/18/protocol-message-formats.html */
const cancelRequestCode = 80_877_102;
const timeoutMs = 2_000;

/** node-postgres keeps what BackendKeyData told it here. */
interface BackendKey {
  readonly processID?: number | null;
  readonly secretKey?: number | null;
}

/**
 * Asks the server, on a connection of its own, to cancel what `client` runs. Resolves when the server has taken the request or can't
 * be reached; whether there was something to cancel is not told.
 */
export async function sendCancelRequest(
  client: pg.Client,
  target: { readonly host: string; readonly port: number },
): Promise<void> {
  const { processID, secretKey } = client as unknown as BackendKey;
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return;
  const message = Buffer.alloc(16);
  message.writeInt32BE(message.length, 0);
  message.writeInt32BE(cancelRequestCode, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = connect(target.port, target.host);
  socket.setTimeout(timeoutMs, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.end(message);
  // The server closes when it has read the request; what it may say is of no interest.
  socket.resume();
  await once(socket, 'close').catch(() => undefined);
}
