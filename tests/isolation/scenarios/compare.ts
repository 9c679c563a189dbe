/** Runs a scenario on pgtide and tells where it shows something else than it should. */
import { loadOutput, loadScenario, outputPath, ownOutputPath } from './files.ts';
import { formatEntries, readEntries } from './output.ts';
import type { ScenarioServer } from './server.ts';
import type { Case } from './script.ts';
import type { Variant } from './variants.ts';
import { runScenario } from './world.ts';

export interface Difference {
  readonly title: string;
  readonly expected: string;
  readonly got: string;
}

/**
 * What pgtide must show: PostgreSQL's output, or for a run that allows it what is in `.pgtide.out`. Throws when an output is
 * missing, or is there for a run that does not allow it.
 */
export function expectedOutput(name: string): ReadonlyMap<string, string> {
  return new Map([...loadOutput(outputPath(name)), ...loadOutput(ownOutputPath(name))]);
}

/** Differences of all runs. Rejects when the scenario can't be run at all. */
export async function compareScenario(
  name: string,
  variant: Variant,
  target: ScenarioServer,
  wanted?: (item: Case) => boolean,
): Promise<readonly Difference[]> {
  const texts = expectedOutput(name);
  const expected = new Map([...texts].map(([title, text]) => [title, readEntries(text)]));
  const schema = `scenario_${name}_${variant.name}`.replaceAll(/\W+/g, '_');
  const { port, whoWaits } = target;
  const options = { port, whoWaits, ...variant.options, schema, expected };
  const seen = await runScenario(loadScenario(name), options, wanted);
  const differences: Difference[] = [];
  for (const [title, entries] of seen) {
    const got = formatEntries(entries);
    const wants = texts.get(title) ?? 'no expected output: run generate.ts';
    if (got !== wants) differences.push({ title, expected: wants, got });
  }
  return differences;
}

/** The first lines that differ, with a few around. */
export function describeDifference({ title, expected, got }: Difference): string {
  const [wanted, seen] = [expected.split('\n'), got.split('\n')];
  const first = wanted.findIndex((line, index) => line !== seen[index]);
  const at = first < 0 ? wanted.length : first;
  const before = wanted.slice(Math.max(0, at - 2), at).map((line) => `    ${line}`);
  const shown = (lines: readonly string[], sign: string): string[] =>
    lines.slice(at, at + 5).map((line) => `  ${sign} ${line}`);
  return [`run ${title}`, ...before, ...shown(wanted, '-'), ...shown(seen, '+')].join('\n');
}
