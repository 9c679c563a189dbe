/**
 * Checks a LevelDB table as LevelDB would if it were asked to verify checksums on reading, which its Node binding can't.
 * A table: data blocks, filter block, metaindex block, index block, footer; after each block its compression and checksum.
 */
import { crc32c, unmask } from './crc32c.ts';
import { unsnap } from './snappy.ts';
import { varintReader } from './varint.ts';

const footerBytes = 48;
const blockTrailerBytes = 5;
/** Magic number at the very end. */
const magic = Buffer.from('57fb808b247547db', 'hex');

interface Handle {
  readonly at: number;
  readonly length: number;
}

/** What is wrong with a table; undefined: nothing. */
export function tableDamage(file: Buffer): string | undefined {
  try {
    return damageIn(file);
  } catch (error) {
    if (error instanceof RangeError) return `unreadable: ${error.message}`;
    throw error;
  }
}

function damageIn(file: Buffer): string | undefined {
  const footerAt = file.length - footerBytes;
  if (footerAt < 0 || !file.subarray(-magic.length).equals(magic)) return 'wrong footer';
  const footer = varintReader(file, footerAt, file.length - magic.length);
  const metaindex = handleIn(footer);
  const index = handleIn(footer);
  // Each byte before the footer belongs to a block.
  let covered = 0;
  for (const block of [
    ...handlesOf(file, index),
    ...handlesOf(file, metaindex),
    metaindex,
    index,
  ]) {
    const damage = blockDamage(file, block);
    if (damage !== undefined) return damage;
    covered += block.length + blockTrailerBytes;
  }
  return covered === footerAt ? undefined : `${footerAt - covered} bytes belong to no block`;
}

function handleIn(reader: { number(): number }): Handle {
  return { at: reader.number(), length: reader.number() };
}

function blockDamage(file: Buffer, { at, length }: Handle): string | undefined {
  const end = at + length;
  if (end + blockTrailerBytes > file.length - footerBytes) return `block at ${at} is too long`;
  // The checksum is over the block and the byte that tells its compression.
  if (unmask(file.readUInt32LE(end + 1)) !== crc32c(file, at, end + 1))
    return `wrong checksum of the block at ${at}`;
  return undefined;
}

/** The values of a block's entries, each the handle of another block. */
function handlesOf(file: Buffer, handle: Handle): Handle[] {
  const damage = blockDamage(file, handle);
  if (damage !== undefined) throw new RangeError(damage);
  const { at, length } = handle;
  const stored = file.subarray(at, at + length);
  const block = file[at + length] === 1 ? unsnap(stored) : stored;
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 * (restarts + 1);
  const handles: Handle[] = [];
  for (let entry = 0; entry < end;) {
    const reader = varintReader(block, entry, end);
    reader.number();
    const keyBytes = reader.number();
    const valueBytes = reader.number();
    const value = reader.at + keyBytes;
    handles.push(handleIn(varintReader(block, value, value + valueBytes)));
    entry = value + valueBytes;
  }
  return handles;
}
