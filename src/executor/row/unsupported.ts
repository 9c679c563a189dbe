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
