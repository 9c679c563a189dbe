import { readFileSync } from 'node:fs';

/** pgtide's own, package.json's. */
export const version: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  }
).version;
