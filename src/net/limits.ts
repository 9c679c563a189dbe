/** Bounds of the listener; every one may be set. */
import * as protocol from '../protocol/index.ts';

export interface ListenerLimits {
  /** Sessions at once; one more is refused with 53300. Half-open start-ups may be as many again. */
  readonly connectionsMax: number;
  /** From accept to ReadyForQuery. */
  readonly authenticationTimeoutMs: number;
  /** Bytes written and not yet taken by the client before its session has to wait. */
  readonly outputBytesMax: number;
  /** Bytes received and not yet handed to a busy session before the socket is paused. */
  readonly commandQueueBytesMax: number;
  /** One message. */
  readonly messageBytesMax: number;
  /** How long a closed connection's last bytes may stay without the client taking any. */
  readonly closeLingerMs: number;
}

export const defaultLimits: ListenerLimits = {
  connectionsMax: 100,
  authenticationTimeoutMs: 60_000,
  outputBytesMax: 1024 * 1024,
  commandQueueBytesMax: 1024 * 1024,
  messageBytesMax: protocol.messageBytesMax,
  closeLingerMs: 2000,
};

/** Messages that one connection may have handled in one turn of the event loop before the others get theirs. */
export const messagesPerTurnMax = 256;

/** Start-ups under way beyond `connectionsMax` sessions, at least. */
export const startupsMin = 16;

/** After a forced stop: how long a statement may take to notice before its socket is destroyed. */
export const forceStopMs = 2000;
