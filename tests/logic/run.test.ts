/**
 * Every script on pgtide, as executor × {hot, half flushed, all flushed} × {before, after a restart}: the answers must be those of
 * PostgreSQL, byte for byte. One server for all; each variant has a schema of its own. PGTIDE_LOGIC=name,… runs only those,
 * PGTIDE_LOGIC_SHOWN=1000 shows every mismatch.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';
import { loadOutput, loadScript, scriptNames } from './files.ts';
import { isStatement, readOutput } from './script.ts';
import type { Flushed } from './variant.ts';
import { Variant, describeMismatches } from './variant.ts';

const flushings: readonly Flushed[] = ['nothing', 'half', 'all'];
const variantTimeoutMs = 60_000;

const only = process.env['PGTIDE_LOGIC']?.split(',');
const names = scriptNames.filter((name) => only?.includes(name) ?? true);
const cases = names.flatMap((name) => flushings.map((flushed) => ({ name, flushed })));
const restarting = cases.filter(({ name }) =>
  loadScript(name).some(({ kind }) => kind === 'restart'),
);

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server.remove());

function variant(name: string, flushed: Flushed, restarts: boolean): Variant {
  const steps = loadScript(name);
  const expected = readOutput(loadOutput(name), steps.filter(isStatement));
  const schema = `${name}_${flushed}_${restarts ? 'restarted' : 'through'}`.replaceAll('-', '_');
  return new Variant(server.port, schema, flushed, steps, expected);
}

const totals = new Map<string, { ran: number; refused: number }>();

function finish(done: Variant): void {
  for (const [executor, { ran, refused }] of done.counts) {
    const total = totals.get(executor) ?? { ran: 0, refused: 0 };
    totals.set(executor, { ran: total.ran + ran, refused: total.refused + refused });
  }
  if (done.mismatches.length > 0) expect.fail(describeMismatches(done.mismatches));
}

describe('without a restart', () => {
  test.each(cases)(
    '$name, $flushed flushed',
    async ({ name, flushed }) => {
      const running = variant(name, flushed, false);
      try {
        await running.run(false);
      } finally {
        running.close();
      }
      finish(running);
    },
    variantTimeoutMs,
  );
});

describe('with a restart', () => {
  const waiting = new Map<string, Variant>();

  test.each(restarting)(
    '$name, $flushed flushed, before',
    async ({ name, flushed }) => {
      const running = variant(name, flushed, true);
      try {
        await running.run(true);
        waiting.set(`${name} ${flushed}`, running);
      } finally {
        running.close();
      }
      if (running.mismatches.length > 0) expect.fail(describeMismatches(running.mismatches));
    },
    variantTimeoutMs,
  );

  test('the server restarts', async () => {
    await server.restart();
  }, 60_000);

  test.each(restarting)(
    '$name, $flushed flushed, after',
    async ({ name, flushed }) => {
      const running = waiting.get(`${name} ${flushed}`);
      if (running === undefined) expect.fail('it did not get to its restart point');
      const before = running.mismatches.length;
      try {
        await running.run(false);
      } finally {
        running.close();
      }
      running.mismatches.splice(0, before);
      finish(running);
    },
    variantTimeoutMs,
  );
});

test('every executor took part', () => {
  const share = (executor: string): number => {
    const { ran, refused } = totals.get(executor) ?? { ran: 0, refused: 1 };
    return ran / (ran + refused);
  };
  const lines = [...totals].map(
    ([executor, { ran, refused }]) => `${executor}: ${ran}, refused ${refused}`,
  );
  process.stdout.write(`${lines.join('; ')}\n`);
  // What an executor may refuse shrinks as it learns; that it takes part at all is what is tested here.
  for (const executor of ['row', 'columnar', 'postgres'])
    expect(share(executor)).toBeGreaterThan(0.2);
});
