/** Thrown while compiling, never while running: the row executor is not sure to give PostgreSQL's answer for this. */
export class Unsupported extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Unsupported';
  }
}

export function unsupported(what: string): never {
  throw new Unsupported(what);
}

/** Runs a compilation; its reason when it turned out unsupported. */
export function reasonOf(compile: () => unknown): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof Unsupported) return error.message;
    throw error;
  }
}
