/**
 * One server on a disk whose calls fail at chosen places. A round: arm a fault, run the script, lift the fault, wait until the server
 * writes again by itself, compare.
 */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServerProcess } from '../../support/server-process.ts';
import { Violation } from '../client.ts';
import { shimEnv } from '../shim/build.ts';
import type { Fault } from '../shim/control.ts';
import { createFaultControl } from '../shim/control.ts';
import type { Model } from './script.ts';
import { checkRows, connect, end, runStep, steps } from './script.ts';

/** How long the server may take to write again once its disk does. */
const recoveryMsMax = 60_000;
/** After so many rounds the table is emptied, so that a long run does not read more and more. */
const roundsPerContent = 20;

export interface RoundReport {
  readonly fault: Fault;
  /** Calls that the fault concerned, and those that failed. */
  readonly seen: number;
  readonly fired: number;
  readonly outcomes: Readonly<Record<'ok' | 'failed' | 'unknown', number>>;
  readonly ms: number;
}

/** Runs a round for each fault that `faults` yields; it is told how the last one went. Throws a Violation with the server's output. */
export async function runFaults(
  faults: () => Generator<Fault, void, RoundReport | undefined>,
  onRound: (report: RoundReport) => void = () => undefined,
): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-disk-')));
  const root = join(folder, 'disk');
  await mkdir(root);
  const control = createFaultControl(join(folder, 'control'));
  const server = await startServerProcess({
    dataDir: join(root, 'data'),
    env: await shimEnv({ root, control: control.path }),
    args: ['--log-level', 'warn'],
  });
  const model: Model = { rows: new Map(), doubtful: [] };
  let shown = 'the start';
  try {
    const client = await connect(server.port);
    await client.query('create table t (id int primary key, value text)');
    await end(client);
    const chosen = faults();
    let last: RoundReport | undefined;
    for (let round = 1; ; round++) {
      const next = chosen.next(last);
      if (next.done === true) break;
      shown = JSON.stringify(next.value);
      last = await runRound(server.port, round, next.value);
      onRound(last);
      if (round % roundsPerContent === 0) await empty(server.port);
    }
    shown = 'a restart';
    await server.restart();
    const again = await connect(server.port);
    await checkRows(again, model, true);
    await end(again);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new Violation(`${shown}: ${what}\n${server.output()}`);
  } finally {
    control.close();
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  }

  async function empty(port: number): Promise<void> {
    const client = await connect(port);
    await client.query('truncate t');
    model.rows.clear();
    await checkRows(client, model, true);
    await end(client);
  }

  async function runRound(port: number, round: number, fault: Fault): Promise<RoundReport> {
    const started = performance.now();
    const outcomes = { ok: 0, failed: 0, unknown: 0 };
    control.arm(fault);
    for (const step of steps(round)) {
      outcomes[await runStep(port, step, model)]++;
      await read(port);
    }
    const counts = control.counts();
    control.lift();
    await untilWritten(port, round);
    const client = await connect(port);
    await checkRows(client, model, true);
    await end(client);
    return { fault, ...counts, outcomes, ms: performance.now() - started };
  }

  /** Reads may be refused while the server recovers; they are never wrong. */
  async function read(port: number): Promise<void> {
    let client;
    try {
      client = await connect(port);
      await checkRows(client, model, false);
    } catch (error) {
      if (error instanceof Violation) throw error;
      const { code = '', message } = error as { code?: string; message: string };
      if (!/^(57P0|58030|53100)/.test(code) && !/terminated|not queryable/.test(message))
        throw error;
    } finally {
      if (client !== undefined) await end(client);
    }
  }

  async function untilWritten(port: number, round: number): Promise<void> {
    const id = round * 1000 + 999;
    const step = {
      name: 'a write after the fault',
      changes: new Map([[id, 'after']]),
      run: async (client: Awaited<ReturnType<typeof connect>>) => {
        await client.query('insert into t values ($1, $2) on conflict (id) do nothing', [
          id,
          'after',
        ]);
        return 1;
      },
    };
    for (const deadline = performance.now() + recoveryMsMax; ;) {
      if ((await runStep(port, step, model)) === 'ok') return;
      if (performance.now() > deadline)
        throw new Violation(`no write succeeds ${recoveryMsMax} ms after the disk works again`);
      await sleep(50);
    }
  }
}
