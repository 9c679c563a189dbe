/**
 * Writes what PostgreSQL 15 shows in every scenario, or in those named: `node tests/isolation/scenarios/generate.ts [name …]`. With --pgtide it
 * writes what pgtide shows in the runs that allow it to differ and do; look at what has changed before committing it.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareScenario } from './compare.ts';
import { loadScenario, outputPath, ownOutputPath, scenarioNames } from './files.ts';

import { formatEntries, formatFile } from './output.ts';
import { startScenarioOracle, startScenarioPgtide } from './server.ts';
import { variants } from './variants.ts';
import { runScenario } from './world.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pgtide: { type: 'boolean', default: false } },
});
const wanted = positionals.length === 0 ? scenarioNames : positionals;

async function generate(): Promise<void> {
  const oracle = await startScenarioOracle();
  try {
    for (const name of wanted) {
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
}

async function generateOwn(): Promise<void> {
  const server = await startScenarioPgtide();
  try {
    for (const name of wanted) {
      if (loadScenario(name).runs.every(({ allowed }) => allowed.length === 0)) continue;
      rmSync(ownOutputPath(name), { force: true });
      const differences = await compareScenario(
        name,
        variants[0]!,
        server,
        ({ run }) => run.allowed.length > 0,
      );
      const blocks = new Map(differences.map(({ title, got }) => [title, got]));
      if (blocks.size > 0) writeFileSync(ownOutputPath(name), formatFile(blocks));
      process.stdout.write(`${name}: ${blocks.size} runs differ\n`);
    }
  } finally {
    await server.close();
  }
}

await (values.pgtide ? generateOwn() : generate());
