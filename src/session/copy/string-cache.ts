/** Slots; a power of two. */
const slots = 4096;
/** Longer texts are rarely repeated. */
export const cachedBytesMax = 24;

/**
 * Makes strings of short ASCII fields. Columns tend to repeat their values, and finding a string again by its bytes is
 * several times as fast as making it, besides keeping one copy of it.
 */
export function createStringCache(): (bytes: Buffer, start: number, end: number) => string {
  const cache: string[] = Array.from({ length: slots }, () => '');
  return (bytes, start, end) => {
    const length = end - start;
    if (length > cachedBytesMax) return bytes.toString('utf8', start, end);
    let hash = length;
    let seen = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      seen |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (seen > 0x7f) return bytes.toString('utf8', start, end);
    const slot = (hash ^ (hash >>> 12)) & (slots - 1);
    const found = cache[slot]!;
    if (found.length === length) {
      let at = 0;
      while (at < length && found.charCodeAt(at) === bytes[start + at]!) at++;
      if (at === length) return found;
    }
    const made = bytes.toString('latin1', start, end);
    cache[slot] = made;
    return made;
  };
}
