/** Loads that are too large for memory, so that their rows go to disk ahead of their commit: each is there wholly or not at all. */
import { runSpillBytes, spillBytes } from '../../../src/storage/txn/bulk.ts';
import { Violation } from '../client.ts';
import type { Outcome, Session } from '../client.ts';
import type { Random } from '../random.ts';
import type { Part } from './actor.ts';

const rowsPerBatch = 96;
const batchesKept = 3;

/**
 * One client loads, changes and removes batches; each batch also has a row in a second table. Rows of a table with a secondary
 * index go another way to disk than those of one without.
 */
export function bulkLoads(table: string, indexed: boolean): Part {
  const list = `${table}_batches`;
  /** A batch spills at least once, and has rows left for its commit. */
  const bodyBytes = Math.ceil(((indexed ? spillBytes : runSpillBytes) * 1.3) / rowsPerBatch);
  /** Batches with the amount that each of their rows has. */
  let batches = new Map<number, number>();
  let doubt: ReadonlyMap<number, number> | undefined;
  let nextBatch = 1;

  const settle = (outcome: Outcome<unknown>, next: ReadonlyMap<number, number>): void => {
    if (outcome.kind === 'ok') batches = new Map(next);
    if (outcome.kind === 'unknown') doubt = next;
  };

  async function load(session: Session, random: Random): Promise<Outcome<unknown>> {
    const batch = nextBatch++;
    const commits = random.chance(0.8);
    const filler = String.fromCharCode(97 + (batch % 26)).repeat(bodyBytes);
    const lines = Array.from(
      { length: rowsPerBatch },
      (_, i) => `${batch * 1000 + i}\t${batch}\t0\t${filler}\n`,
    );
    const outcome = await session.attempt(
      `load batch ${batch} of ${table}${commits ? '' : ', rolled back'}`,
      async () => {
        await session.run('begin');
        await session.run(`insert into ${list} values ($1)`, [batch]);
        await session.copy(`copy ${table} from stdin`, lines);
        await session.run(commits ? 'commit' : 'rollback');
      },
    );
    settle(outcome, commits ? new Map([...batches, [batch, 0]]) : batches);
    return outcome;
  }

  async function change(session: Session, random: Random): Promise<Outcome<unknown>> {
    const batch = random.pick([...batches.keys()]);
    const outcome = await session.attempt(`change batch ${batch} of ${table}`, async () => {
      const touched = await session.run(
        `update ${table} set amount = amount + 1 where batch = $1`,
        [batch],
      );
      if (touched !== rowsPerBatch)
        throw new Violation(`change of batch ${batch} touched ${touched} rows`);
    });
    settle(outcome, new Map([...batches, [batch, batches.get(batch)! + 1]]));
    return outcome;
  }

  async function remove(session: Session, random: Random): Promise<Outcome<unknown>> {
    if (random.chance(0.5)) {
      const outcome = await session.attempt(`truncate ${table}`, () =>
        session.run(`truncate ${table}, ${list}`),
      );
      settle(outcome, new Map());
      return outcome;
    }
    const batch = random.pick([...batches.keys()]);
    const outcome = await session.attempt(`delete batch ${batch} of ${table}`, async () => {
      await session.run('begin');
      await session.run('set local tide.hard_delete = on');
      await session.run(`delete from ${list} where id = $1`, [batch]);
      await session.run(`delete from ${table} where batch = $1`, [batch]);
      await session.run('commit');
    });
    settle(outcome, new Map([...batches].filter(([id]) => id !== batch)));
    return outcome;
  }

  return {
    name: table,
    actors: [
      {
        name: table,
        pauseMs: indexed ? 200 : 60,
        async step(session, random) {
          let outcome: Outcome<unknown>;
          if (batches.size === 0 || (batches.size < batchesKept && random.chance(0.6)))
            outcome = await load(session, random);
          else if (random.chance(0.3)) outcome = await change(session, random);
          else outcome = await remove(session, random);
          return outcome.kind;
        },
      },
    ],
    async setup(session) {
      await session.run(`create table ${list} (id int primary key)`);
      await session.run(
        `create table ${table} (id int primary key, batch int not null, amount int not null, body text not null)`,
      );
      if (indexed) await session.run(`create index ${table}_batch on ${table} (batch)`);
    },
    async check(reader) {
      const found = (await reader.everyWay(
        `select batch, count(*)::int, count(distinct id)::int, min(amount), max(amount), min(length(body)), max(length(body))
         from ${table} group by batch`,
      )) as number[][];
      const listed = new Set(
        (await reader.everyWay(`select id from ${list}`)).map((row) => row[0] as number),
      );
      const seen = new Map<number, number>();
      for (const [batch, rows, ids, least, most, shortest, longest] of found) {
        const whole =
          rows === rowsPerBatch &&
          ids === rowsPerBatch &&
          shortest === bodyBytes &&
          longest === bodyBytes;
        const byIndex = await reader.direct(`select id from ${table} where batch = $1`, [batch]);
        if (!whole || least !== most || !listed.has(batch!) || byIndex.length !== rowsPerBatch)
          throw new Violation(
            `${table} batch ${batch}: ${rows} rows, ${ids} ids, amounts ${least} to ${most}, bodies of ${shortest} to ${longest}, ${byIndex.length} rows by a search, ${listed.has(batch!) ? '' : 'not '}listed`,
          );
        seen.set(batch!, least!);
      }
      const text = (map: ReadonlyMap<number, number>): string =>
        JSON.stringify([...map].toSorted((a, b) => a[0] - b[0]));
      const both = listed.size === seen.size;
      const settled = text(seen) === text(batches);
      const doubtful = doubt !== undefined && text(seen) === text(doubt);
      if (!both || (!settled && !doubtful))
        throw new Violation(
          `${table} has batches ${text(seen)} (${listed.size} listed), should be ${text(batches)}${doubt === undefined ? '' : ` or ${text(doubt)}`}`,
        );
      batches = seen;
      doubt = undefined;
    },
  };
}
