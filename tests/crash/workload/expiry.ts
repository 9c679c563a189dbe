/** Rows that go by themselves: those of a stream after its ttl, deleted ones after their retention. The flusher's VACUUM removes them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reader } from '../check/reader.ts';
import { Violation } from '../client.ts';
import type { Outcome, Session } from '../client.ts';
import type { Random } from '../random.ts';
import type { Part } from './actor.ts';
import { partition } from './partition.ts';

/** How long rows live, or deleted ones are kept. */
const lifeMs = 1000;
/** A row's own time is at most so long before the one that it is judged by. */
const slackMs = 5000;

/** What its client did last is this long ago. */
function sinceLast(): { readonly note: () => void; readonly outlived: () => Promise<void> } {
  let lastMs = 0;
  return {
    note: () => void (lastMs = performance.now()),
    outlived: () => sleep(Math.max(0, lastMs + lifeMs * 1.2 - performance.now())),
  };
}

/** A stream: what is older than its ttl is never seen, of a COPY's rows all or none are. */
export function expiringRows(): Part {
  const rowsPerBatch = 20;
  const last = sinceLast();
  let nextBatch = 1;

  async function look(read: (query: string) => Promise<unknown[][]>): Promise<void> {
    const rows = (await read(
      `select batch, count(*)::int, min(at) < now() - interval '${lifeMs + slackMs} ms',
         min(at) > clock_timestamp() - interval '${lifeMs / 2} ms' from blinks group by batch`,
    )) as [number, number, boolean, boolean][];
    for (const [batch, count, isOld, isYoung] of rows) {
      if (isOld) throw new Violation(`batch ${batch} of blinks has outlived its ttl and is seen`);
      if (isYoung && count !== rowsPerBatch)
        throw new Violation(`${count} rows of batch ${batch} of blinks`);
    }
  }

  return {
    name: 'blinks',
    actors: [
      {
        name: 'blinks',
        pauseMs: 40,
        async step(session: Session, random: Random) {
          const batch = nextBatch++;
          if (random.chance(0.3)) {
            const outcome = await session.attempt('look at blinks', () =>
              look((query) => session.rows(query)),
            );
            return outcome.kind;
          }
          const outcome = await session.attempt(`blinks of batch ${batch}`, () =>
            session.run(
              `insert into blinks select ${batch}, n, clock_timestamp() from generate_series(1, ${rowsPerBatch}) n`,
            ),
          );
          last.note();
          return outcome.kind;
        },
      },
    ],
    async setup(session) {
      await session.run(
        `create stream table blinks (batch int, n int, at timestamptz) with (ttl = '${lifeMs} ms')`,
      );
      await session.run('create index blinks_batch on blinks (batch)');
    },
    async check(reader: Reader) {
      await look((query) => reader.direct(query));
      await last.outlived();
      const seen = async (): Promise<number> =>
        (await reader.everyWay('select batch, n from blinks')).length;
      const before = await seen();
      await reader.session.run('vacuum blinks');
      const after = await seen();
      const [entry] = await reader.direct('select batch from blinks where batch = $1', [
        nextBatch - 1,
      ]);
      if (before > 0 || after > 0 || entry !== undefined)
        throw new Violation(
          `${before} rows of blinks are seen after its ttl, ${after} after VACUUM`,
        );
    },
  };
}

/** A table that keeps its deleted rows for a moment: live rows stay, deleted ones are gone for good some time later. */
export function forgottenRows(): Part {
  const rows = partition<string>('drafts');
  const last = sinceLast();
  const idsMax = 60;
  let words = 0;

  async function operation(
    session: Session,
    random: Random,
  ): Promise<readonly [Outcome<unknown>, ReadonlyMap<number, string | undefined>]> {
    const first = random.below(idsMax);
    const ids = Array.from({ length: random.between(1, 8) }, (_, i) => first + i);
    if (random.chance(0.5)) {
      const gone = ids.filter((id) => rows.rows.has(id));
      const outcome = await session.attempt(`delete drafts ${gone.join(' ')}`, () =>
        session.run('delete from drafts where id = any($1)', [ids]),
      );
      if (outcome.kind === 'ok' && outcome.value !== gone.length)
        throw new Violation(`${outcome.value} of ${gone.length} drafts were deleted`);
      return [outcome, new Map(gone.map((id) => [id, undefined]))];
    }
    const body = `word ${++words}`;
    const outcome = await session.attempt(`put drafts ${ids.join(' ')}`, () =>
      session.run(
        `insert into drafts select unnest($1::int[]), $2 on conflict (id) do update set body = excluded.body`,
        [ids, body],
      ),
    );
    return [outcome, new Map(ids.map((id) => [id, body]))];
  }

  return {
    name: 'drafts',
    actors: [
      {
        name: 'drafts',
        pauseMs: 10,
        async step(session: Session, random: Random) {
          const [outcome, effects] = await operation(session, random);
          last.note();
          rows.apply(outcome, effects);
          return outcome.kind;
        },
      },
    ],
    async setup(session) {
      await session.run(
        `create table drafts (id int primary key, body text not null) with (deleted_retention = '${lifeMs} ms')`,
      );
      await session.run('create index drafts_body on drafts (body)');
    },
    async check(reader: Reader) {
      const found = (await reader.everyWay('select id, body from drafts')) as [number, string][];
      if (new Set(found.map(([id]) => id)).size !== found.length)
        throw new Violation('drafts has an id twice');
      rows.settle(new Map(found));
      await last.outlived();
      await reader.session.run('vacuum drafts');
      await reader.session.run('set tide.include_deleted = on');
      const all = await reader.everyWay('select id from drafts');
      await reader.session.run('reset tide.include_deleted');
      if (all.length !== rows.rows.size)
        throw new Violation(
          `drafts has ${all.length} rows, deleted ones included, after their retention; ${rows.rows.size} are live`,
        );
      for (const [id, body] of [...rows.rows].slice(0, 5)) {
        const byBody = await reader.direct('select id from drafts where body = $1', [body]);
        if (!byBody.some((row) => row[0] === id))
          throw new Violation(`draft ${id} is not found by its index`);
      }
    },
  };
}
