#!/usr/bin/env node
/**
 * The `pgtide` command. Runs under any Node from 18 on: src/main.ts needs Node 24, so an older Node hands over to the project's own
 * (the devDependency `node`), which is installed first when it is missing, as `npm start` does.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const nodeMajorMin = 24;
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const main = path('../src/main.ts');

if (
  Number(process.versions.node.split('.')[0]) >= nodeMajorMin &&
  existsSync(path('../node_modules/pg'))
) {
  await import('../src/main.ts');
} else {
  const { prepare, run } = await import('../scripts/setup.mjs');
  prepare();
  run([main, ...process.argv.slice(2)]);
}
