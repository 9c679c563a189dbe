/** Arms and lifts faults of a running process on the shim; see struct control in shim.h. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

const kinds = {
  write: 1,
  sync: 2,
  rename: 4,
  open: 8,
  unlink: 16,
  mkdir: 32,
  truncate: 64,
} as const;
export type CallKind = keyof typeof kinds;

const structBytes = 128;
const patternAt = 64;

export interface Fault {
  readonly kinds: readonly CallKind[];
  /** `short`: half of the bytes are written. */
  readonly error: 'EIO' | 'ENOSPC' | 'EACCES' | 'EBUSY' | 'short';
  /** The nth matching call from now on fails. */
  readonly nth: number;
  /** All after it fail too, until the fault is lifted. */
  readonly persistent: boolean;
  /** Of paths (fnmatch). Default: all. */
  readonly pattern?: string;
}

export interface FaultControl {
  readonly path: string;
  arm(fault: Fault): void;
  lift(): void;
  /** Since it was armed: calls that matched, and those of them that failed. */
  counts(): { readonly seen: number; readonly fired: number };
  close(): void;
}

/** Makes the control file at `path`. */
export function createFaultControl(path: string): FaultControl {
  const file = openSync(path, 'w+');
  const set = (struct: Buffer): void => void writeSync(file, struct, 0, structBytes, 0);
  set(Buffer.alloc(structBytes));
  return {
    path,
    arm(fault) {
      const struct = Buffer.alloc(structBytes);
      const mask = fault.kinds.reduce((all, kind) => all | kinds[kind], 0);
      struct.writeInt32LE(mask, 0);
      struct.writeInt32LE(fault.error === 'short' ? 0 : constants.errno[fault.error], 4);
      struct.writeBigInt64LE(BigInt(fault.nth), 8);
      struct.writeInt32LE(fault.persistent ? 1 : 0, 16);
      struct.write(fault.pattern ?? '', patternAt, structBytes - patternAt - 1);
      set(struct);
    },
    lift: () => void writeSync(file, Buffer.alloc(20), 0, 20, 0),
    counts() {
      const struct = Buffer.alloc(structBytes);
      readSync(file, struct, 0, structBytes, 0);
      return {
        seen: Number(struct.readBigInt64LE(24)),
        fired: Number(struct.readBigInt64LE(32)),
      };
    },
    close: () => closeSync(file),
  };
}
