import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import { pgEpochUnixMicros } from './clock.ts';

/** Bytes that nobody can guess; injected so that tests replay from a seed. */
export type RandomBytes = (count: number) => Uint8Array;

export const systemRandom: RandomBytes = (count) => randomBytes(count);

/** snowflake_id(): 41 bits of milliseconds since 2020-01-01, 10 bits of node, 12 bits of counter; rises within a node. */
export function snowflakeIds(clock: Clock, nodeId: number): () => bigint {
  const epochUnixMs = 1_577_836_800_000n;
  let lastMs = 0n;
  let counter = 0n;
  return () => {
    const ms = (clock.now() + pgEpochUnixMicros) / 1000n - epochUnixMs;
    if (ms > lastMs) {
      lastMs = ms;
      counter = 0n;
    } else if (++counter === 4096n) {
      // The millisecond is used up (or the clock went back): borrow the next one rather than wait.
      lastMs += 1n;
      counter = 0n;
    }
    return (lastMs << 22n) | (BigInt(nodeId & 1023) << 12n) | counter;
  };
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** gen_random_uuid(): RFC 9562 version 4. */
export function uuidV4(random: RandomBytes): string {
  const bytes = Uint8Array.from(random(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes);
}

/** uuidv7(): RFC 9562 version 7 with 12 bits of sub-millisecond time, as PostgreSQL 18 does; rises within a process. */
export function uuidV7s(clock: Clock, random: RandomBytes): () => string {
  let last = 0n;
  return () => {
    // 1/4096 ms steps since the Unix epoch.
    let steps = ((clock.now() + pgEpochUnixMicros) * 4096n) / 1000n;
    if (steps <= last) steps = last + 1n;
    last = steps;
    const bytes = Uint8Array.from(random(16));
    const ms = steps >> 12n;
    for (let i = 0; i < 6; i++) bytes[i] = Number((ms >> BigInt(8 * (5 - i))) & 0xffn);
    const fraction = Number(steps & 0xfffn);
    bytes[6] = 0x70 | (fraction >> 8);
    bytes[7] = fraction & 0xff;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return uuidText(bytes);
  };
}
