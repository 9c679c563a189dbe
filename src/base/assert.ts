/** Thrown when pgtide itself is wrong; never for bad input (that is a PgError). */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AssertionError';
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the default branch of a switch over a closed union: compiles only when every case is handled. */
export function unreachable(value: never, what = 'case'): never {
  throw new AssertionError(`unhandled ${what}: ${JSON.stringify(value)}`);
}
