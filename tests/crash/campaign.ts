/**
 * Cycles of work, SIGKILL, restart and check over one data folder after the other. Everything that is chosen comes from the
 * seed; only the moments are the machine's.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkKeys, settleFiles } from './check/files.ts';
import { createReader } from './check/reader.ts';
import type { Executor } from './check/reader.ts';
import { Violation, isGone, openSession } from './client.ts';
import type { Session } from './client.ts';
import { killPoints, startPoints, workPoints } from './kill-points.ts';
import type { OpLog } from './op-log.ts';
import { openOpLog } from './op-log.ts';
import type { CrashingServer } from './process.ts';
import { crashingServer } from './process.ts';
import type { Random } from './random.ts';
import { seededRandom } from './random.ts';
import type { Actor, Part } from './workload/actor.ts';
import { bulkLoads } from './workload/bulk.ts';
import {
  claims,
  events,
  flusher,
  sequences,
  transfers,
  upsertedCounters,
} from './workload/contended.ts';
import { schemaChanges } from './workload/ddl.ts';
import { expiringRows, forgottenRows } from './workload/expiry.ts';
import { references } from './workload/references.ts';
import { sharedRows, userRows } from './workload/own-rows.ts';

export interface CampaignOptions {
  readonly seed: string;
  readonly cycles: number;
  /** Kill at this point in every cycle. Default: at a random moment or a point of all. */
  readonly point?: string;
  /** Cycles on one data folder. */
  readonly cyclesPerFolder?: number;
  /** Told of each cycle. */
  readonly onCycle?: (done: CycleReport) => void;
}

export interface CycleReport {
  readonly cycle: number;
  /** How it was to be killed. */
  readonly plan: string;
  /** Whether the kill point was reached; true for random moments. */
  readonly reached: boolean;
  readonly operations: number;
  /** From spawn to ready after the last kill. */
  readonly startMs: number;
  readonly ms: number;
}

export interface CampaignReport {
  readonly cycles: number;
  readonly operations: number;
  /** Times that the server was killed, those while it started or was checked included. */
  readonly kills: number;
  readonly ms: number;
}

const cyclesPerFolderDefault = 20;
/** How long clients work before a kill at a random moment. */
const workMs = { least: 30, most: 600 };
/** How long a kill point is waited for. */
const pointWaitMs = 4000;
/** A kill while the server starts comes within this. */
const startKillMs = 1500;

function parts(): Part[] {
  const own = [
    sharedRows(3),
    userRows(3),
    transfers(3),
    upsertedCounters(2),
    claims(2),
    events(2),
    sequences(2),
    references(2),
    bulkLoads('bulk', false),
    bulkLoads('wide', true),
    schemaChanges('items'),
    expiringRows(),
    forgottenRows(),
  ];
  const tables = [
    'items',
    'notes',
    'notes',
    'accounts',
    'transfers',
    'counters',
    'hits',
    'claims',
    'tickets',
    'bulk',
    'bulk_batches',
    'wide',
    'orders',
    'lines',
    'blinks',
    'blinks',
    'drafts',
    'drafts',
  ];
  return [...own, flusher(tables)];
}

/** A data folder with its server, its model and its log. */
interface World {
  readonly dataDir: string;
  readonly server: CrashingServer;
  readonly parts: readonly Part[];
  readonly log: OpLog;
  kills: number;
  operations: number;
}

/** Runs the campaign. Throws a Violation with the seed, the cycle and where the data and the log are. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, cycles, cyclesPerFolder = cyclesPerFolderDefault } = options;
  const started = performance.now();
  const totals = { operations: 0, kills: 0 };
  for (let first = 0; first < cycles; first += cyclesPerFolder) {
    const folder = await mkdtemp(join(tmpdir(), 'pgtide-crash-'));
    const world = await newWorld(folder);
    let cycle = first;
    try {
      await world.server.start();
      await setUp(world);
      for (; cycle < Math.min(cycles, first + cyclesPerFolder); cycle++)
        await runCycle(world, seededRandom(`${seed}/${cycle}`), cycle, options);
      await checkStopped(world, seededRandom(`${seed}/stopped ${first}`));
    } catch (error) {
      await world.server.kill().catch(() => undefined);
      await world.log.close();
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Violation(
        `cycle ${cycle} of seed ${seed}, data and operations.log in ${folder}: ${what}\n${world.server.output()}`,
      );
    }
    await world.log.close();
    await rm(folder, { recursive: true, force: true });
    totals.kills += world.kills;
    totals.operations += world.operations;
  }
  return { cycles, ...totals, ms: performance.now() - started };
}

async function newWorld(folder: string, passedFile?: string): Promise<World> {
  const dataDir = join(folder, 'data');
  return {
    dataDir,
    server: crashingServer(dataDir, passedFile),
    parts: parts(),
    log: await openOpLog(join(folder, 'operations.log')),
    kills: 0,
    operations: 0,
  };
}

/**
 * Lets the clients work until every kill point has been passed, or for `limitMs`, then kills the server and checks. Returns the
 * points that were not passed.
 */
export async function unpassedPoints(seed: string, limitMs: number): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pgtide-crash-'));
  const passedFile = join(folder, 'passed');
  const world = await newWorld(folder, passedFile);
  const random = seededRandom(seed);
  const unpassed = async (): Promise<string[]> => {
    const passed = new Set((await readFile(passedFile, 'utf8')).split('\n'));
    return killPoints.filter((point) => !passed.has(point));
  };
  try {
    await world.server.start();
    await setUp(world);
    const working = workUntilKilled(world, random.fork('work'), `after ${limitMs} ms`, false);
    const polling = (async () => {
      while ((await unpassed()).length > 0 && (await stillRuns(world))) continue;
      await world.server.kill();
    })();
    await Promise.all([working, polling]);
    await world.server.start();
    await checkAll(world, ['row', 'columnar'], random);
    return await unpassed();
  } finally {
    await world.server.kill();
    await world.log.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const pollMs = 100;

/** After a while: whether the server has not ended. */
async function stillRuns({ server }: World): Promise<boolean> {
  return await Promise.race([
    server.gone.then(() => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, pollMs, true)),
  ]);
}

async function setUp(world: World): Promise<void> {
  const session = await openSession(world.server, 'setup', world.log);
  for (const part of world.parts) await part.setup(session);
  await session.end();
}

async function runCycle(
  world: World,
  random: Random,
  cycle: number,
  options: CampaignOptions,
): Promise<void> {
  const started = performance.now();
  const { server } = world;
  const before = world.operations;
  const point = options.point ?? (random.chance(0.3) ? undefined : random.pick(workPoints));
  const atWork = point === undefined || workPoints.includes(point) ? point : undefined;
  const plan =
    atWork === undefined
      ? `after ${random.between(workMs.least, workMs.most)} ms`
      : `${atWork}#${random.between(1, rareness(atWork))}`;
  await world.log.note(`cycle ${cycle}: ${plan}`);

  const reached = await workUntilKilled(world, random.fork('work'), plan, atWork !== undefined);
  await world.log.note(reached ? 'killed as planned' : 'killed, as the point was not reached');
  world.kills++;
  // Some starts are killed as well, some more than once.
  const startPoint =
    options.point !== undefined && startPoints.includes(options.point) ? options.point : undefined;
  for (
    let again = random.chance(0.3) || startPoint !== undefined;
    again;
    again = random.chance(0.3)
  ) {
    const how =
      startPoint !== undefined || random.chance(0.4)
        ? { killAt: startPoint ?? random.pick(startPoints) }
        : { killAfterMs: random.between(50, startKillMs) };
    if (await server.start(how)) await server.kill();
    world.kills++;
  }
  const starting = performance.now();
  await server.start();
  const startMs = performance.now() - starting;
  await world.log.note(`ready after ${Math.round(startMs)} ms`);
  await verify(world, random.fork('check'));
  await world.log.note('checked');
  options.onCycle?.({
    cycle,
    plan,
    reached,
    operations: world.operations - before,
    startMs,
    ms: performance.now() - started,
  });
}

/** Points that are passed all the time are let pass more often. */
function rareness(point: string): number {
  if (point.startsWith('row commit')) return 40;
  return /^(?:sequence|flush|job|mirror)/.test(point) ? 4 : 2;
}

/** Lets all clients work until the server is dead. Returns whether it died as planned. */
async function workUntilKilled(
  world: World,
  random: Random,
  plan: string,
  atPoint: boolean,
): Promise<boolean> {
  const { server } = world;
  const clients = world.parts.flatMap((part) => part.actors);
  const sessions = await Promise.all(
    clients.map((actor) => openSession(server, actor.name, world.log, actor.settings)),
  );
  if (atPoint) await server.arm(plan);
  const waitMs = atPoint ? pointWaitMs : Number(/\d+/.exec(plan)?.[0]);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void server.kill();
  }, waitMs);
  const stopped = new AbortController();
  void server.gone.then(() => stopped.abort());
  try {
    await Promise.all(
      clients.map((actor, i) =>
        work(world, actor, sessions[i]!, random.fork(actor.name), stopped.signal),
      ),
    );
  } finally {
    clearTimeout(timer);
    await server.kill();
  }
  return !atPoint || !timedOut;
}

async function work(
  world: World,
  actor: Actor,
  session: Session,
  random: Random,
  stopped: AbortSignal,
): Promise<void> {
  while (!stopped.aborted) {
    const kind = await actor.step(session, random);
    world.operations++;
    if (kind === 'unknown') return;
    if (actor.pauseMs > 0)
      await new Promise((resolve) => setTimeout(resolve, random.below(actor.pauseMs * 2)));
  }
}

/** Checks everything; now and then the server is killed in the middle, and checked again. */
async function verify(world: World, random: Random): Promise<void> {
  const { server } = world;
  // The third executor has to start first, so it is asked less often.
  const executors: readonly Executor[] = random.chance(0.25)
    ? ['row', 'columnar', 'postgres']
    : ['row', 'columnar'];
  if (random.chance(0.15)) {
    const timer = setTimeout(() => void server.kill(), random.below(400));
    try {
      await checkAll(world, executors, random);
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      clearTimeout(timer);
      await server.kill();
    }
    world.kills++;
    await server.start();
  }
  await checkAll(world, executors, random);
}

async function checkAll(
  world: World,
  executors: readonly Executor[],
  random: Random,
): Promise<void> {
  const session = await openSession(world.server, 'check', world.log);
  // Some parts while what a crash has interrupted still goes on, all of them when nothing moves any more.
  const early = createReader(session, ['row']);
  for (const part of world.parts)
    if (part.name !== 'flush' && random.chance(0.3)) await part.check(early);
  const reader = createReader(session, executors);
  await settleFiles(session, world.dataDir);
  for (const part of world.parts) await part.check(reader);
  await reader.as('postgres');
  await session.run('reset tide.executor');
  for (const part of world.parts) await part.tidy?.(session);
  await session.end();
}

/** A clean stop, a look into the hot store, and everything again. */
async function checkStopped(world: World, random: Random): Promise<void> {
  const session = await openSession(world.server, 'check', world.log);
  await settleFiles(session, world.dataDir);
  const ids = await session.rows('select table_id::int from system.tables');
  await session.end();
  await world.server.stop();
  await checkKeys(world.dataDir, new Set(ids.map((row) => row[0] as number)));
  await world.server.start();
  await checkAll(world, ['row', 'columnar', 'postgres'], random);
  await world.server.kill();
}
