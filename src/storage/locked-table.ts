import type { LockStatus } from '../locks/index.ts';
import { keyFromText } from './keys/buffer.ts';
import { tablePrefixBytes } from './keys/keyspace.ts';

/** The id of the table whose lock, or one of whose rows' or keys' locks it is; undefined: it is of no table. */
export function lockedTable({
  space,
  name,
}: Pick<LockStatus, 'space' | 'name'>): number | undefined {
  if (space === 'relation') return Number(name);
  return space === 'row' ? keyFromText(name.slice(0, tablePrefixBytes)).readUInt32BE(1) : undefined;
}
