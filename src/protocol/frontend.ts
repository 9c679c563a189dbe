/** The messages a client sends (PostgreSQL docs, "Message Formats"), decoded. All are read-only. */
import type { PgError } from '../base/index.ts';

/** 0 is text, 1 is binary; what else a client sends is passed on for the session to refuse (22023). */
export type FormatCode = number;

export interface SslRequest {
  readonly kind: 'sslRequest';
}
export interface GssEncRequest {
  readonly kind: 'gssEncRequest';
}
export interface CancelRequest {
  readonly kind: 'cancelRequest';
  readonly processId: number;
  readonly secretKey: Uint8Array;
}
export interface StartupMessage {
  readonly kind: 'startup';
  /** 3 in all that follows; the listener refuses others. Parameters are decoded for 3 only. */
  readonly major: number;
  readonly minor: number;
  readonly parameters: ReadonlyMap<string, string>;
  /** Names of `_pq_.` protocol options, which are not among the parameters. */
  readonly protocolOptions: readonly string[];
}
/** What may come before a session exists. */
export type StartupPacket = SslRequest | GssEncRequest | CancelRequest | StartupMessage;

export interface Query {
  readonly kind: 'query';
  readonly text: string;
}
export interface Parse {
  readonly kind: 'parse';
  /** Empty for the unnamed statement. */
  readonly statement: string;
  readonly text: string;
  /** 0 where the type is to be inferred. */
  readonly parameterTypes: readonly number[];
}
export interface Bind {
  readonly kind: 'bind';
  /** Empty for the unnamed portal. */
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: for all. Else one for each parameter. */
  readonly parameterFormats: readonly FormatCode[];
  readonly parameters: readonly (Buffer | null)[];
  /** As parameterFormats, for the result's columns. */
  readonly resultFormats: readonly FormatCode[];
}
export interface Describe {
  readonly kind: 'describe';
  readonly target: 'statement' | 'portal';
  readonly name: string;
}
export interface Close {
  readonly kind: 'close';
  readonly target: 'statement' | 'portal';
  readonly name: string;
}
export interface Execute {
  readonly kind: 'execute';
  readonly portal: string;
  /** Zero or less: no limit. */
  readonly rowsMax: number;
}
export interface Flush {
  readonly kind: 'flush';
}
export interface Sync {
  readonly kind: 'sync';
}
export interface FunctionCall {
  readonly kind: 'functionCall';
  readonly body: Buffer;
}
export interface CopyData {
  readonly kind: 'copyData';
  /** A view of the network buffer, not a copy. */
  readonly data: Buffer;
}
export interface CopyDone {
  readonly kind: 'copyDone';
}
export interface CopyFail {
  readonly kind: 'copyFail';
  readonly message: string;
}
/** Well framed, but with text that is not UTF-8: answered as an error (22021) of the message that it should have been. */
export interface InvalidText {
  readonly kind: 'invalidText';
  readonly of: 'query' | 'parse' | 'bind' | 'describe' | 'close' | 'execute' | 'copyFail';
  readonly error: PgError;
}
/** What a session is given. */
export type FrontendMessage =
  | Query
  | Parse
  | Bind
  | Describe
  | Close
  | Execute
  | Flush
  | Sync
  | FunctionCall
  | CopyData
  | CopyDone
  | CopyFail
  | InvalidText;

export interface Terminate {
  readonly kind: 'terminate';
}
/** PasswordMessage, SASLInitialResponse, SASLResponse or GSSResponse: which one only the state of authentication tells. */
export interface Password {
  readonly kind: 'password';
  readonly body: Buffer;
}
/** What may come once the start-up packet has been read. */
export type SessionMessage = FrontendMessage | Terminate | Password;
