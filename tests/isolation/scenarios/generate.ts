/** Writes what PostgreSQL 15 shows in every scenario, or in those named: `node tests/isolation/scenarios/generate.ts [name …]`. */
import { writeFileSync } from 'node:fs';
import { loadScenario, outputPath, scenarioNames } from './files.ts';
import { startScenarioOracle } from './oracle.ts';
import { formatEntries, formatFile } from './output.ts';
import { runScenario } from './world.ts';

const wanted = process.argv.slice(2);
const oracle = await startScenarioOracle();
try {
  for (const name of wanted.length === 0 ? scenarioNames : wanted) {
    const started = performance.now();
    const { port, whoWaits } = oracle;
    const options = { port, whoWaits, schema: 'scenario', protocol: 'simple' } as const;
    const seen = await runScenario(loadScenario(name), options);
    const blocks = new Map([...seen].map(([title, entries]) => [title, formatEntries(entries)]));
    writeFileSync(outputPath(name), formatFile(blocks));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${name}: ${blocks.size} runs, ${seconds} s\n`);
  }
} finally {
  await oracle.close();
}
