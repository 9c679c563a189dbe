/**
 * Random mixes of DML, DDL, flushes, VACUUM, DROP and restarts, against a plain PGlite that is told the logical part alone: the
 * answers must be the same, whatever has been done to where the rows are.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../crash/random.ts';
import type { Random } from '../crash/random.ts';
import { render } from '../logic/render.ts';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';
import { openOracle } from './oracle.ts';
import type { Statement } from './statements.ts';
import { createTable, ddl, dml } from './statements.ts';
import type { Table, World } from './world.ts';
import { users } from './world.ts';

export interface RunOptions {
  readonly seed: string;
  /** Ends after so many steps, or so many milliseconds. */
  readonly steps: number;
  readonly ms?: number;
  readonly log?: (line: string) => void;
}

export interface RunResult {
  readonly steps: number;
  readonly statements: number;
  /** Of those, how many failed (on both sides, with one SQLSTATE). */
  readonly failed: number;
  readonly comparisons: number;
  readonly restarts: number;
}

const executors = ['auto', 'row', 'columnar', 'postgres'] as const;

/** SQLSTATE of an answer that is an error. */
const codeOf = (output: string): string | undefined => /ERROR (\w{5}):/.exec(output)?.[1];

/** Statements over stored rows go through them in another order than PostgreSQL's: of several wrong ones another may be first. */
const ofSomeRow: ReadonlySet<string> = new Set(['22001', '22003', '23502', '23505', '23514']);
const overStoredRows = /^(update|alter)/;

/** What is compared of an answer: rows and tags as they are, of an error its SQLSTATE. NOTICEs name schemas. */
function essence(output: string, sql: string): string {
  const code = codeOf(output);
  if (code !== undefined) {
    const any = overStoredRows.test(sql) && ofSomeRow.has(code);
    return any ? 'ERROR of some row' : `ERROR ${code}`;
  }
  return output
    .split('\n')
    .filter((line) => !line.startsWith('NOTICE') && !line.startsWith('  '))
    .join('\n');
}

/** Throws, with the statements so far, at the first difference. */
export async function runMix({ seed, steps, ms, log }: RunOptions): Promise<RunResult> {
  const random = seededRandom(seed);
  const places = await mkdtemp(join(tmpdir(), 'pgtide-places-'));
  const server = await startServerProcess();
  const oracle = await openOracle();
  const history: string[] = [];
  const counts = { statements: 0, failed: 0, comparisons: 0, restarts: 0 };
  let client = await connect();
  let world: World = new Map();
  let inBlock = false;
  let failedBlock = false;
  let worldBefore: World = world;
  const deadline = ms === undefined ? Infinity : performance.now() + ms;

  async function connect(): Promise<WireClient> {
    const opened = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
    opened.send(
      frontend.query(
        `create schema if not exists fruit; set search_path = fruit; set timezone = 'UTC'`,
      ),
    );
    await opened.until('ReadyForQuery');
    return opened;
  }

  async function ask(sql: string): Promise<string> {
    history.push(sql);
    log?.(sql);
    client.send(frontend.query(sql));
    return render(await client.until('ReadyForQuery'), false);
  }

  function differ(sql: string, expected: string, got: string): never {
    throw new Error(
      `seed ${seed}: ${sql}\nPostgreSQL:\n${expected}\npgtide:\n${got}\n\nafter:\n${history.slice(-60).join(';\n')}`,
    );
  }

  async function as(user: number): Promise<void> {
    if (failedBlock) return;
    const output = await ask(`set ${inBlock ? 'local ' : ''}tide.user_id = '${users[user]!}'`);
    if (codeOf(output) !== undefined) differ('set tide.user_id', 'SET', output);
  }

  async function run(statement: Statement): Promise<void> {
    const user = random.below(users.length);
    if (statement.table.kind === 'user') await as(user);
    const expected = await oracle.run(statement, user);
    const got = await ask(statement.sql);
    counts.statements++;
    if (essence(expected, statement.sql) !== essence(got, statement.sql))
      differ(statement.sql, expected, got);
    if (codeOf(got) !== undefined) {
      counts.failed++;
      if (inBlock) failedBlock = true;
    } else if (statement.after !== undefined) world = statement.after;
  }

  async function control(sql: string): Promise<void> {
    const expected = await oracle.control(sql);
    const got = await ask(sql);
    if (essence(expected, sql) !== essence(got, sql)) differ(sql, expected, got);
  }

  async function physical(sql: string): Promise<void> {
    const output = await ask(sql);
    if (codeOf(output) !== undefined) differ(sql, 'success', output);
  }

  /** Every row of a table, of every user. */
  async function compare(table: Table): Promise<void> {
    const executor = random.pick(executors);
    const names = ['id', ...table.columns.map(({ name }) => name)];
    const sql = `select ${names.join(', ')} from ${table.name} order by ${names.map((_, i) => i + 1).join(', ')}`;
    const own = users.map((_, i) => i);
    for (const user of table.kind === 'user' ? own : [0]) {
      if (table.kind === 'user') await as(user);
      const expected = await oracle.run({ sql, table }, user);
      if (executor !== 'auto') await ask(`set tide.executor = '${executor}'`);
      let got = await ask(sql);
      if (executor !== 'auto') await ask('reset tide.executor');
      // What an executor can't do exactly it refuses.
      if (executor !== 'auto' && codeOf(got) === '0A000') got = await ask(sql);
      counts.comparisons++;
      if (essence(expected, sql) !== essence(got, sql))
        differ(`${sql} -- ${executor}`, expected, got);
    }
  }

  async function restart(how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    client.close();
    history.push(`-- restart after ${how}`);
    await server.stop(how);
    await server.restart();
    client = await connect();
    counts.restarts++;
  }

  async function step(part: Random): Promise<void> {
    const tables = [...world.values()];
    const roll = part.next();
    if (tables.length === 0 || (tables.length < 4 && roll < 0.02)) {
      const created = createTable(part, world);
      if (created !== undefined) await run(created);
      return;
    }
    const table = part.pick(tables);
    if (inBlock) {
      if (roll < 0.12) {
        const commit = part.chance(0.6);
        await control(commit ? 'commit' : 'rollback');
        if (!commit || failedBlock) world = worldBefore;
        inBlock = false;
        failedBlock = false;
      } else await run(roll < 0.25 ? ddl(part, world, table) : dml(part, table));
      return;
    }
    if (roll < 0.6) await run(dml(part, table));
    else if (roll < 0.7) await run(ddl(part, world, table));
    else if (roll < 0.8) await physical(`flush table ${table.name}`);
    else if (roll < 0.84) await physical(`vacuum ${table.name}`);
    else if (roll < 0.85) await moveTable(part, table);
    else if (roll < 0.855) await restart(part.pick(['SIGTERM', 'SIGKILL']));
    else if (roll < 0.9) {
      await control('begin');
      inBlock = true;
      worldBefore = world;
    } else await compare(table);
  }

  async function moveTable(part: Random, { name }: Table): Promise<void> {
    const output = await ask(`create tablespace elsewhere location '${places}/elsewhere'`);
    if (codeOf(output) !== undefined && codeOf(output) !== '42710')
      differ('create tablespace', 'success', output);
    await physical(`alter table ${name} set tablespace ${part.pick(['elsewhere', 'pg_default'])}`);
  }

  try {
    let done = 0;
    for (; done < steps && performance.now() < deadline; done++) {
      // A fork each: what a step draws does not move the others.
      await step(random.fork(done));
    }
    if (inBlock) await control('rollback').then(() => (world = worldBefore));
    inBlock = false;
    failedBlock = false;
    await restart('SIGKILL');
    for (const table of world.values()) await compare(table);
    for (const { name } of world.values()) await physical(`drop table ${name}`);
    return { steps: done, ...counts };
  } finally {
    client.close();
    await oracle.close();
    await server.remove();
    await rm(places, { recursive: true, force: true });
  }
}
