import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const chunkBytesMax = 1024 * 1024;

/** CRC-32 of a whole file, hexadecimal, with its size. */
export async function fileChecksum(path: string): Promise<{ checksum: string; bytes: number }> {
  const file = await open(path, 'r');
  try {
    // Most files are small: a large buffer for each would be what the collector comes for last.
    const { size } = await file.stat();
    const chunkBytes = Math.min(chunkBytesMax, Math.max(1, size));
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let crc = 0;
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes);
      if (bytesRead === 0) break;
      crc = crc32(chunk.subarray(0, bytesRead), crc);
      bytes += bytesRead;
    }
    return { checksum: crc.toString(16).padStart(8, '0'), bytes };
  } finally {
    await file.close();
  }
}
