/**
 * One run of the workload, then many power losses at any moment of it: each must leave what some number of first transactions
 * made, all those included that were acknowledged as synced, or longer ago than asynchronous commits may be lost.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asynchronousCommitDelayMs } from '../../../src/storage/txn/sequencer.ts';
import { Violation } from '../client.ts';
import type { Random } from '../random.ts';
import { seededRandom } from '../random.ts';
import { shimEnv } from '../shim/build.ts';
import type { Loss } from '../shim/disk.ts';
import { createDisk } from '../shim/disk.ts';
import { operationsOf } from '../shim/journal.ts';
import type { LogLine } from './model.ts';
import { fingerprint, fingerprintOf, openLeft } from './model.ts';
import { chooseMoments } from './moments.ts';
import { goOn, losePowerInRecovery } from './recovery.ts';

const workload = fileURLToPath(new URL('workload-main.ts', import.meta.url));
/** What asynchronous commits may be lost for: the delay, the sync's own time, and a busy machine. */
const windowMs = 5 * asynchronousCommitDelayMs;
const losses: readonly Loss[] = ['dropped', 'random', 'random', 'kept'];

export interface PowerLossOptions {
  readonly seed: string;
  readonly transactions: number;
  /** Moments at which the power is lost. */
  readonly moments: number;
  /** A pattern of paths whose syncs the disk forgets: a bug that must be found. */
  readonly noSync?: string;
  /** After how many of the losses it is lost again while the storage recovers. Default: recoveriesDefault. */
  readonly recoveries?: number;
  /** A pattern of paths whose syncs the disk forgets during a recovery. */
  readonly noSyncInRecovery?: string;
}

/** One of some twelve losses. */
const recoveriesDefault = 1 / 12;

export interface PowerLossReport {
  readonly operations: number;
  readonly journalBytes: number;
  readonly losses: number;
  /** Losses while the storage recovered from one. */
  readonly again: number;
}

interface Expectation {
  /** Fingerprints after each number of transactions. */
  readonly states: readonly string[];
  /** How many transactions must be there, and may be, when the power goes at a position of the journal. */
  bounds(position: number, loss: Loss): { readonly least: number; readonly most: number };
}

/** Throws a Violation at the first loss that leaves something else. */
export async function runPowerLosses(options: PowerLossOptions): Promise<PowerLossReport> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-power-')));
  try {
    const { journal, log } = await runWorkload(folder, options);
    const expected = expectation(log);
    const operations = [...operationsOf(journal)];
    const random = seededRandom(`${options.seed}/losses`);
    const moments = chooseMoments(operations, options.moments, random);
    const disk = createDisk(join(folder, 'disk'));
    const { recoveries = recoveriesDefault, noSyncInRecovery } = options;
    let done = 0;
    let again = 0;
    for (const [index, { operation, end }] of operations.entries()) {
      if (moments.has(index)) {
        // The power goes before this operation.
        const position = operations[index - 1]?.end ?? 0;
        for (const loss of losses) {
          const image = join(folder, 'image');
          await mkdir(image);
          await disk.leave(image, loss, random);
          const recovery = random.chance(recoveries) ? join(folder, 'recovery') : undefined;
          if (recovery !== undefined) await cp(image, recovery, { recursive: true });
          const attempt = async (): Promise<void> => {
            const rows = await check(image, loss, position, expected, random);
            if (recovery === undefined) return;
            again += await losePowerInRecovery(recovery, rows, random, noSyncInRecovery);
            await rm(recovery, { recursive: true });
          };
          await attempt().catch((error: unknown) => {
            const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
            throw new Violation(
              `seed ${options.seed}, power lost before operation ${index} (${operation.op}), ${loss}: ${what}`,
            );
          });
          await rm(image, { recursive: true });
          done++;
        }
      }
      disk.apply(operation);
      if (end > journal.length) break;
    }
    return { operations: operations.length, journalBytes: journal.length, losses: done, again };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runWorkload(
  folder: string,
  { seed, transactions, noSync }: PowerLossOptions,
): Promise<{ journal: Buffer; log: LogLine[] }> {
  const root = join(folder, 'disk');
  const journal = join(folder, 'journal');
  const logFile = join(folder, 'log');
  await mkdir(root);
  const env = await shimEnv({ root, journal, ...(noSync === undefined ? {} : { noSync }) });
  const args = [workload, join(root, 'data'), journal, logFile, seed, `${transactions}`];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the workload ended with ${code}: ${stderr}`);
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
  return {
    journal: await readFile(journal),
    log: lines.map((line) => JSON.parse(line) as LogLine),
  };
}

function expectation(log: readonly LogLine[]): Expectation {
  const state = fingerprint();
  const states = [state.value];
  const begun: { readonly at: number; readonly ms: number; readonly sync: boolean }[] = [];
  const done: { readonly at: number; readonly ms: number }[] = [];
  for (const line of log) {
    if ('changes' in line) {
      state.change(line.changes);
      states.push(state.value);
      begun.push(line);
    } else done.push(line);
  }
  return {
    states,
    bounds(position, loss) {
      const most = begun.filter(({ at }) => at <= position).length;
      // The last line before the position tells the time.
      const before = [...begun, ...done].filter(({ at }) => at <= position);
      const now = Math.max(0, ...before.map(({ ms }) => ms));
      const safe = done.findLastIndex(
        ({ at, ms }, i) =>
          at <= position && (loss === 'kept' || begun[i]!.sync || ms < now - windowMs),
      );
      return { least: safe + 1, most };
    },
  };
}

/** Opens what is left. Returns the fingerprint of its rows. */
async function check(
  image: string,
  loss: Loss,
  position: number,
  expected: Expectation,
  random: Random,
): Promise<string> {
  const dataDir = join(image, 'data');
  const storage = await openLeft(dataDir);
  let found: string;
  try {
    found = await fingerprintOf(storage);
    const { least, most } = expected.bounds(position, loss);
    const left = expected.states.indexOf(found, least);
    if (left < 0 || left > most) {
      const other = expected.states.indexOf(found);
      const is = other < 0 ? 'what no number of first transactions made' : `those of ${other}`;
      throw new Error(`the rows are ${is}; expected those of ${least} to ${most} transactions`);
    }
  } finally {
    await storage.close();
  }
  if (random.chance(0.1)) await goOn(dataDir);
  return found;
}
