/** Writes the `.out` file of every script, or of those named: `node tests/logic/generate.ts [name …]`. */
import { writeFileSync } from 'node:fs';
import { loadScript, outputPath, scriptNames } from './files.ts';
import { openOracle } from './oracle.ts';
import { formatOutput } from './script.ts';

const wanted = process.argv.slice(2);
const oracle = await openOracle();
try {
  for (const name of wanted.length === 0 ? scriptNames : wanted) {
    const entries = await oracle.run(loadScript(name));
    writeFileSync(outputPath(name), formatOutput(entries));
    process.stdout.write(`${name}: ${entries.length} statements\n`);
  }
} finally {
  await oracle.close();
}
