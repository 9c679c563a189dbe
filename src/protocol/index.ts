/**
 * protocol: PostgreSQL's wire protocol 3.0 and 3.2 as a pure codec. No sockets, no state of a session.
 *
 * In: `FrontendDecoder` turns the client's bytes into messages (frontend.ts), one at each call of `next`; the bytes not
 * yet decoded are the queue. chunks.ts holds them, reader.ts reads fields, bodies.ts knows each message.
 * Out: `MessageWriter` appends the server's messages to one buffer, which the owner sends and then `reset`s (the bytes
 * are gone) or `release`s (someone still holds them).
 *
 * To debug: log `FrontendMessage.kind` where net hands messages to the session, or read a capture with Wireshark's
 * `pgsql` dissector.
 */
export { FrontendDecoder } from './decoder.ts';
export type { DecoderLimits } from './decoder.ts';
export type * from './frontend.ts';
export * from './limits.ts';
export { protocolViolation } from './reader.ts';
export { decodeText } from './text.ts';
export { MessageWriter } from './writer.ts';
export type { FieldDescription, TransactionStatus } from './writer.ts';
