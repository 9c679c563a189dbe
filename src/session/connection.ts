/**
 * The seam between a socket and a session. `net` implements Output and calls SessionHandler; `session` implements
 * SessionHandler and Session. Neither knows anything else of the other, so tests put a toy on either side.
 *
 * Order of a connection's life, and who writes what:
 *  1. net answers SSLRequest / GSSENCRequest, negotiates the version, writes AuthenticationOk;
 *  2. `SessionHandler.open` checks user and database and writes ParameterStatus messages (and notices);
 *  3. net writes BackendKeyData and ReadyForQuery('I');
 *  4. `Session.receive` gets each message, one at a time, and writes every answer, ReadyForQuery included;
 *  5. `Session.close`, exactly once, whoever ended the connection. Nothing is called after it.
 */
import type { Report } from '../base/index.ts';
import type { FrontendMessage, MessageWriter } from '../protocol/index.ts';

/** A session that has written this many bytes calls `Output.flush` before it writes more. */
export const outputChunkBytes = 64 * 1024;

/** The StartupMessage's parameters as sent (`user`, `database`, `application_name`, `options`, settings); `_pq_.` ones left out. */
export type StartupParameters = ReadonlyMap<string, string>;

export interface ClientInfo {
  /** Rises with each accepted socket; in every log line. */
  readonly connectionId: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The StartupMessage's `user`, never empty. */
  readonly user: string;
  /** The StartupMessage's `database`, or the user's name when it had none. */
  readonly database: string;
  /** The negotiated minor version of protocol 3: 0 or 2. */
  readonly protocolMinor: number;
  /** How long `Session.secretKey` must be: 4 bytes in protocol 3.0, 32 in 3.2. */
  readonly secretKeyBytes: number;
}

/** Where a session's answers go. */
export interface Output {
  /** Append messages here; net sends them. Whole messages only whenever control returns to net. */
  readonly writer: MessageWriter;
  /**
   * Sends what `writer` holds. Returns a promise only when the client is behind (more than `outputBytesMax` unsent
   * bytes); await it before writing more. Never rejects: when the client is gone it drops the bytes and returns.
   *
   * Call it when `writer.length >= outputChunkBytes` and before waiting long for anything while the client could use
   * what is written (a NOTICE of a slow statement). Ends of answers need no call: net sends them when no received message
   * is left, after a Flush message, and before it waits for a promise of `receive` while a ReadyForQuery is unsent.
   */
  flush(): void | Promise<void>;
  /** True once nothing written will reach the client. A statement that only reads may stop then. */
  readonly closed: boolean;
  /**
   * Ends the connection with `report` as its last message (severity FATAL): pg_terminate_backend, idle timeouts. While
   * `receive` is busy it first calls `Session.terminate` and waits for it.
   */
  terminate(report: Report): void;
}

export interface Session {
  /** Identifies the session in CancelRequest and pg_stat_activity: a positive int4, unique among open sessions. */
  readonly processId: number;
  readonly secretKey: Uint8Array;
  /**
   * Handles one message, to the end: the next comes after it returned (or its promise settled). Return undefined when done
   * synchronously: it saves the client a turn of the event loop. Statement errors are answered here, not thrown; what is
   * thrown ends the connection (a PgError as it is, else XX000). COPY FROM STDIN returns after CopyInResponse and
   * takes its CopyData in further calls. Byte arrays in `message` are views of the network buffer: never
   * written to later, but keep no small one for long (it holds 64 KiB). Terminate and password messages do not arrive here.
   */
  receive(message: FrontendMessage): void | Promise<void>;
  /** A CancelRequest with the right key: fail the statement in flight with 57014, if there is one. Returns at once. */
  cancel(): void;
  /** Fail the statement in flight with `report`, without answering it: net writes the report and closes. Returns at once. */
  terminate(report: Report): void;
  /** Roll back and let go of everything. Called once, after `receive` has settled (or been given up on at a forced stop). */
  close(): Promise<void>;
}

export interface SessionHandler {
  /** A PgError is reported as FATAL (3D000, 28000, 22023 …) and ends the connection. */
  open(startup: StartupParameters, client: ClientInfo, output: Output): Promise<Session>;
}
