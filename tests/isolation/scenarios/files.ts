import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readFileBlocks } from './output.ts';
import type { Scenario } from './script.ts';
import { readScenario } from './script.ts';

const folder = fileURLToPath(new URL('scripts/', import.meta.url));
const ending = '.scenario';

export const scenarioNames: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(ending))
  .map((name) => name.slice(0, -ending.length))
  .toSorted();

/** What PostgreSQL shows. */
export const outputPath = (name: string): string => `${folder}${name}.out`;

/** What pgtide shows where a run allows it to differ; only those runs are in it. */
export const ownOutputPath = (name: string): string => `${folder}${name}.pgtide.out`;

export function loadScenario(name: string): Scenario {
  try {
    return readScenario(readFileSync(`${folder}${name}${ending}`, 'utf8'));
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Title to text; empty when there is no such file. */
export function loadOutput(path: string): ReadonlyMap<string, string> {
  return existsSync(path) ? readFileBlocks(readFileSync(path, 'utf8')) : new Map();
}
