import fc from 'fast-check';

/** A function from a length to rising offsets at which to cut that many bytes into chunks. */
export const randomCuts: fc.Arbitrary<(length: number) => readonly number[]> = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
  .map((shares) => {
    const sorted = shares.toSorted((a, b) => a - b);
    return (length: number) => sorted.map((share) => Math.floor(share * length));
  });
