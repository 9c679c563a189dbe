import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Step } from './script.ts';
import { readScript } from './script.ts';

const folder = fileURLToPath(new URL('scripts/', import.meta.url));

export const scriptNames: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .map((name) => name.slice(0, -'.sql'.length))
  .toSorted();

export const outputPath = (name: string): string => `${folder}${name}.out`;

export function loadScript(name: string): readonly Step[] {
  try {
    return readScript(readFileSync(`${folder}${name}.sql`, 'utf8'));
  } catch (error) {
    throw new Error(`${name}.sql: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

export const loadOutput = (name: string): string => readFileSync(outputPath(name), 'utf8');
