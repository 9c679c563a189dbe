/** Bounds of the wire format; the first three are PostgreSQL's own (libpq/libpq.h, libpq/pqcomm.h). */

/** Longest Query, Parse, Bind, FunctionCall or CopyData, length word included: PostgreSQL's MaxAllocSize - 1. */
export const messageBytesMax = 0x3ffffffe;
/** Longest message of any other type: PostgreSQL's PQ_SMALL_MESSAGE_LIMIT. */
export const smallMessageBytesMax = 10_000;
/** Longest start-up packet, length word included: PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
export const startupBytesMax = 10_000;
/** Longest answer in authentication ('p'): PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH. */
export const authenticationBytesMax = 65_535;
/** A longer secret key in CancelRequest is a protocol violation (protocol 3.2). */
export const cancelKeyBytesMax = 256;
