/**
 * Tables in which each row belongs to one client: a shared table that all clients are in (by their range of ids), and a user
 * table in which each client is a user. Every way of writing, and after each restart an exact answer to what must be there.
 */
import type { Session } from '../client.ts';
import { Violation } from '../client.ts';
import type { Reader } from '../check/reader.ts';
import type { Random } from '../random.ts';
import type { Actor, Part } from './actor.ts';
import type { Effects, Partition } from './partition.ts';
import { partition } from './partition.ts';

interface Row {
  readonly tag: number;
  /** Unique in its scope, when there is one. */
  readonly slug: string | null;
  readonly amount: number;
  readonly body: string;
}

const tags = 6;
/** Ids of one client. */
const idsPerOwner = 400;
const slugsPerOwner = 12;
const rowsKept = 150;

interface Operation {
  readonly label: string;
  readonly effects: Effects<Row>;
  readonly work: (session: Session) => Promise<void>;
  /** The only refusal that is right: the model says that it must come. */
  readonly mustFail?: '23505';
}

interface Owner {
  readonly table: string;
  readonly name: string;
  readonly firstId: number;
  readonly isUser: boolean;
  readonly rows: Partition<Row>;
}

const columns = 'id, tag, slug, amount, body';

function mustBe(what: string, found: number, expected: number): void {
  if (found !== expected)
    throw new Violation(`${what} touched ${found} rows instead of ${expected}`);
}

function values(id: number, row: Row): unknown[] {
  return [id, row.tag, row.slug, row.amount, row.body];
}

function placeholders(rows: number): string {
  return Array.from(
    { length: rows },
    (_, i) => `($${i * 5 + 1}, $${i * 5 + 2}, $${i * 5 + 3}, $${i * 5 + 4}, $${i * 5 + 5})`,
  ).join(', ');
}

function newRow(owner: Owner, random: Random): Row {
  return {
    tag: random.below(tags),
    slug: random.chance(0.25) ? `${owner.name}-${random.below(slugsPerOwner)}` : null,
    amount: random.below(1000),
    body: random.chance(0.1) ? 'long '.repeat(random.below(400)) : `b${random.below(1e6)}`,
  };
}

function freeIds(owner: Owner, random: Random, count: number): number[] {
  const ids: number[] = [];
  const start = random.below(idsPerOwner);
  for (let i = 0; i < idsPerOwner && ids.length < count; i++) {
    const id = owner.firstId + ((start + i) % idsPerOwner);
    if (!owner.rows.rows.has(id)) ids.push(id);
  }
  return ids;
}

/** Whether the rows, beside those of `leaving` ids, repeat a slug. */
function slugTaken(owner: Owner, rows: ReadonlyMap<number, Row>): boolean {
  const seen = new Set<string>();
  for (const [id, row] of owner.rows.rows)
    if (!rows.has(id) && row.slug !== null) seen.add(row.slug);
  for (const { slug } of rows.values()) {
    if (slug === null) continue;
    if (seen.has(slug)) return true;
    seen.add(slug);
  }
  return false;
}

function inserts(owner: Owner, random: Random, count: number): Map<number, Row> {
  const rows = new Map<number, Row>();
  for (const id of freeIds(owner, random, count)) rows.set(id, newRow(owner, random));
  return rows;
}

const mayFail = (taken: boolean): Pick<Operation, 'mustFail'> =>
  taken ? { mustFail: '23505' } : {};

function insert(owner: Owner, random: Random): Operation {
  const rows = inserts(owner, random, random.chance(0.5) ? 1 : random.between(2, 6));
  return {
    label: `insert ${[...rows.keys()].join(' ')}`,
    effects: rows,
    ...mayFail(slugTaken(owner, rows)),
    async work(session) {
      const text = `insert into ${owner.table} (${columns}) values ${placeholders(rows.size)}`;
      const touched = await session.run(
        text,
        [...rows].flatMap(([id, row]) => values(id, row)),
      );
      mustBe('insert', touched, rows.size);
    },
  };
}

function copy(owner: Owner, random: Random): Operation {
  const rows = new Map(
    [...inserts(owner, random, random.between(20, 60))].map(([id, row]) => [
      id,
      { ...row, slug: null },
    ]),
  );
  return {
    label: `copy ${rows.size} rows from ${[...rows.keys()][0]}`,
    effects: rows,
    async work(session) {
      const lines = [...rows].map(
        ([id, row]) => `${id}\t${row.tag}\t\\N\t${row.amount}\t${row.body}\n`,
      );
      const taken = await session.copy(`copy ${owner.table} (${columns}) from stdin`, lines);
      mustBe('copy', taken, rows.size);
    },
  };
}

function someIds(owner: Owner, random: Random, count: number): number[] {
  const ids = [...owner.rows.rows.keys()];
  const picked = new Set<number>();
  for (let i = 0; i < count && ids.length > 0; i++) picked.add(random.pick(ids));
  return [...picked];
}

function update(owner: Owner, random: Random): Operation {
  const effects = new Map<number, Row>();
  if (random.chance(0.5)) {
    const tag = random.below(tags);
    for (const [id, row] of owner.rows.rows)
      if (row.tag === tag) effects.set(id, { ...row, amount: row.amount + 1 });
    return {
      label: `update tag ${tag}`,
      effects,
      async work(session) {
        const touched = await session.run(
          `update ${owner.table} set amount = amount + 1 where tag = $1 and id between $2 and $3`,
          [tag, owner.firstId, owner.firstId + idsPerOwner - 1],
        );
        mustBe(`update of tag ${tag}`, touched, effects.size);
      },
    };
  }
  const [id] = someIds(owner, random, 1);
  if (id === undefined) return insert(owner, random);
  const row = newRow(owner, random);
  effects.set(id, row);
  return {
    label: `update ${id}`,
    effects,
    ...mayFail(slugTaken(owner, effects)),
    async work(session) {
      const touched = await session.run(
        `update ${owner.table} set tag = $2, slug = $3, amount = $4, body = $5 where id = $1`,
        values(id, row),
      );
      mustBe('update', touched, 1);
    },
  };
}

/** The primary key itself changes. */
function move(owner: Owner, random: Random): Operation {
  const [from] = someIds(owner, random, 1);
  const [to] = freeIds(owner, random, 1);
  if (from === undefined || to === undefined) return insert(owner, random);
  return {
    label: `move ${from} to ${to}`,
    effects: new Map([
      [from, undefined],
      [to, owner.rows.rows.get(from)],
    ]),
    async work(session) {
      const text = `update ${owner.table} set id = $2 where id = $1`;
      mustBe('move', await session.run(text, [from, to]), 1);
    },
  };
}

function remove(owner: Owner, random: Random): Operation {
  const ids = someIds(owner, random, random.between(1, 4));
  const hard = random.chance(0.4);
  return {
    label: `delete ${hard ? 'for good ' : ''}${ids.join(' ')}`,
    effects: new Map(ids.map((id) => [id, undefined])),
    async work(session) {
      const text = `delete from ${owner.table} where id = any ($1)`;
      if (!hard) {
        mustBe('delete', await session.run(text, [ids]), ids.length);
        return;
      }
      await session.run('begin');
      await session.run('set local tide.hard_delete = on');
      mustBe('delete', await session.run(text, [ids]), ids.length);
      await session.run('commit');
    },
  };
}

/** An amount goes from one row to another, and other rows come and go, in one transaction. */
function transaction(owner: Owner, random: Random): Operation {
  const [a, b, gone] = someIds(owner, random, 3);
  if (a === undefined || b === undefined) return insert(owner, random);
  const moved = random.between(1, 50);
  const [fresh] = inserts(owner, random, 1);
  const rowA = owner.rows.rows.get(a)!;
  const rowB = owner.rows.rows.get(b)!;
  const effects = new Map<number, Row | undefined>([
    [a, { ...rowA, amount: rowA.amount - moved }],
    [b, { ...rowB, amount: rowB.amount + moved }],
  ]);
  if (fresh !== undefined) effects.set(fresh[0], { ...fresh[1], slug: null });
  if (gone !== undefined) effects.set(gone, undefined);
  const commits = random.chance(0.85);
  const async = random.chance(0.2);
  const undone = random.chance(0.3);
  return {
    label: `transaction over ${[...effects.keys()].join(' ')}${commits ? '' : ', rolled back'}`,
    effects: commits ? effects : new Map(),
    async work(session) {
      const { table } = owner;
      await session.run('begin');
      if (async) await session.run('set local synchronous_commit = off');
      const change = `update ${table} set amount = amount + $2 where id = $1`;
      mustBe('update', await session.run(change, [a, -moved]), 1);
      if (undone) {
        await session.run('savepoint before');
        const others = `update ${table} set amount = 0, tag = tag + 100 where id between $1 and $2`;
        await session.run(others, [owner.firstId, owner.firstId + idsPerOwner - 1]);
        await session.run('rollback to before');
      }
      if (fresh !== undefined)
        await session.run(
          `insert into ${table} (${columns}) values ${placeholders(1)}`,
          values(fresh[0], { ...fresh[1], slug: null }),
        );
      mustBe('update', await session.run(change, [b, moved]), 1);
      if (gone !== undefined)
        mustBe('delete', await session.run(`delete from ${table} where id = $1`, [gone]), 1);
      await session.run(commits ? 'commit' : 'rollback');
    },
  };
}

function upsert(owner: Owner, random: Random): Operation {
  const ids = [...someIds(owner, random, 2), ...freeIds(owner, random, 2)];
  const nothing = random.chance(0.3);
  const effects = new Map<number, Row>();
  const rows = new Map<number, Row>();
  for (const id of ids) {
    const row = { ...newRow(owner, random), slug: null };
    const before = owner.rows.rows.get(id);
    rows.set(id, row);
    if (before === undefined) effects.set(id, row);
    else if (!nothing) effects.set(id, { ...before, amount: before.amount + row.amount });
  }
  const action = nothing ? 'nothing' : 'update set amount = t.amount + excluded.amount';
  return {
    label: `upsert ${ids.join(' ')}${nothing ? ', or nothing' : ''}`,
    effects,
    async work(session) {
      const touched = await session.run(
        `insert into ${owner.table} as t (${columns}) values ${placeholders(rows.size)}
         on conflict (id) do ${action}`,
        [...rows].flatMap(([id, row]) => values(id, row)),
      );
      mustBe('upsert', touched, effects.size);
    },
  };
}

/** TRUNCATE of a user table takes the user's own rows. */
function truncate(owner: Owner): Operation {
  return {
    label: 'truncate',
    effects: new Map([...owner.rows.rows.keys()].map((id) => [id, undefined])),
    work: async (session) => void (await session.run(`truncate ${owner.table}`)),
  };
}

function nextOperation(owner: Owner, random: Random): Operation {
  const { size } = owner.rows.rows;
  if (size === 0) return insert(owner, random);
  if (owner.isUser && random.chance(0.04)) return truncate(owner);
  if (size > rowsKept) return remove(owner, random);
  const kind = random.below(100);
  if (kind < 30) return insert(owner, random);
  if (kind < 50) return update(owner, random);
  if (kind < 55) return move(owner, random);
  if (kind < 65) return remove(owner, random);
  if (kind < 82) return transaction(owner, random);
  if (kind < 95) return upsert(owner, random);
  return copy(owner, random);
}

function actor(owner: Owner): Actor {
  return {
    name: `${owner.table}/${owner.name}`,
    pauseMs: 0,
    ...(owner.isUser ? { settings: { 'tide.user_id': owner.name } } : {}),
    async step(session, random) {
      const { label, effects, work, mustFail } = nextOperation(owner, random);
      const outcome = await session.attempt(
        label,
        () => work(session),
        mustFail === undefined ? [] : [mustFail],
      );
      if (outcome.kind === 'ok' && mustFail !== undefined)
        throw new Violation(`${session.name}: ${label} should have failed with ${mustFail}`);
      owner.rows.apply(outcome, effects);
      return outcome.kind;
    },
  };
}

type Tuple = [id: number, tag: number, slug: string | null, amount: number, body: string];

async function checkOwner(reader: Reader, owner: Owner, observed: readonly Tuple[]): Promise<void> {
  const rows = new Map<number, Row>();
  for (const [id, tag, slug, amount, body] of observed) {
    if (rows.has(id)) throw new Violation(`${owner.table} has id ${id} of ${owner.name} twice`);
    rows.set(id, { tag, slug, amount, body });
  }
  owner.rows.settle(rows);
  // The same rows by key and by index.
  const { table, firstId } = owner;
  const select = `select ${columns} from ${table}`;
  const same = (what: string, found: readonly unknown[][], ids: readonly number[]): void => {
    const want = ids.map((id) => JSON.stringify(values(id, rows.get(id)!))).toSorted();
    const have = found.map((row) => JSON.stringify(row)).toSorted();
    if (want.join('\n') !== have.join('\n'))
      throw new Violation(
        `${table} of ${owner.name} ${what}: ${have.length} rows, expected ${want.length}: ${JSON.stringify({ have: have.filter((row) => !want.includes(row)), want: want.filter((row) => !have.includes(row)) })}`,
      );
  };
  const step = Math.max(1, Math.floor(idsPerOwner / 12));
  for (let id = firstId; id < firstId + idsPerOwner; id += step) {
    same(
      `by key ${id}`,
      await reader.direct(`${select} where id = $1`, [id]),
      rows.has(id) ? [id] : [],
    );
  }
  for (let tag = 0; tag < tags; tag++) {
    const found = await reader.direct(`${select} where tag = $1 and id between $2 and $3`, [
      tag,
      firstId,
      firstId + idsPerOwner - 1,
    ]);
    same(
      `by tag ${tag}`,
      found,
      [...rows].filter(([, row]) => row.tag === tag).map(([id]) => id),
    );
  }
  for (let n = 0; n < slugsPerOwner; n++) {
    const slug = `${owner.name}-${n}`;
    const found = await reader.direct(`${select} where slug = $1`, [slug]);
    same(
      `by slug ${slug}`,
      found,
      [...rows].filter(([, row]) => row.slug === slug).map(([id]) => id),
    );
  }
}

const definition =
  '(id int primary key, tag int not null, slug text unique, amount int not null, body text not null)';

/** All owners in one shared table, each in its own range of ids. */
export function sharedRows(owners: number): Part {
  const table = 'items';
  const all = Array.from({ length: owners }, (_, i): Owner => ({
    table,
    name: `o${i}`,
    firstId: i * 1000,
    isUser: false,
    rows: partition(`items of o${i}`),
  }));
  return {
    name: table,
    actors: all.map(actor),
    async setup(session) {
      await session.run(`create shared table ${table} ${definition}`);
      await session.run(`create index items_tag on ${table} (tag)`);
    },
    async check(reader) {
      const rows = (await reader.everyWay(`select ${columns} from ${table}`)) as Tuple[];
      const [count] = await reader.everyWay(`select count(*)::int, sum(amount)::int from ${table}`);
      const sum = rows.reduce((total, row) => total + row[3], 0);
      if (count![0] !== rows.length || (count![1] ?? 0) !== sum)
        throw new Violation(
          `${table}: ${rows.length} rows and a sum of ${sum}, counted ${String(count)}`,
        );
      for (const owner of all) {
        const own = rows.filter((row) => Math.floor(row[0] / 1000) * 1000 === owner.firstId);
        await checkOwner(reader, owner, own);
      }
    },
  };
}

/** Each owner a user of one user table, with the same ids. */
export function userRows(owners: number): Part {
  const table = 'notes';
  const all = Array.from({ length: owners }, (_, i): Owner => ({
    table,
    name: `u${i}`,
    firstId: 0,
    isUser: true,
    rows: partition(`notes of u${i}`),
  }));
  return {
    name: table,
    actors: all.map(actor),
    async setup(session) {
      await session.run(`create user table ${table} ${definition}`);
      await session.run(`create index notes_tag on ${table} (tag)`);
    },
    async check(reader) {
      for (const owner of all) {
        await reader.as(owner.name);
        const rows = (await reader.everyWay(`select ${columns} from ${table}`)) as Tuple[];
        await checkOwner(reader, owner, rows);
      }
      await reader.session.run(`set tide.scope = 'all'`);
      const counts = await reader.everyWay(
        `select _user_id, count(*)::int from ${table} group by 1`,
      );
      await reader.session.run('reset tide.scope');
      const found = new Map(counts as [string, number][]);
      for (const owner of all) {
        if ((found.get(owner.name) ?? 0) !== owner.rows.rows.size)
          throw new Violation(
            `${table} has ${found.get(owner.name) ?? 0} rows of ${owner.name} among all users', ${owner.rows.rows.size} among its own`,
          );
        found.delete(owner.name);
      }
      if (found.size > 0)
        throw new Violation(`${table} has rows of ${[...found.keys()].join(', ')}`);
    },
  };
}
