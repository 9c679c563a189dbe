#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Commands start in a third of the time without stripping types anew. Beside the packages, as whoever can write there can change the code anyway;
// where the folder can't be written it does nothing.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));

const { run } = await import('./cli/program.ts');
await run(process.argv);
