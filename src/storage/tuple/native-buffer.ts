/**
 * Buffer's direct decoders: what toString calls after looking up the encoding's name, which for short strings costs as much as
 * the decoding.
 */
export interface NativeBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  hexSlice(start: number, end: number): string;
}
