/**
 * Rows that all clients fight for. What each transaction did is a row that it writes along, under an id of its own; so the sums
 * tell whether it happened wholly, and what was acknowledged must be there.
 */
import type { Reader } from '../check/reader.ts';
import type { Outcome, Session } from '../client.ts';
import { Violation } from '../client.ts';
import type { Random } from '../random.ts';
import type { Actor, Part } from './actor.ts';

/** Operations by id, what is known of each. */
interface Known {
  readonly done: Set<number>;
  readonly doubtful: Set<number>;
}

const newKnown = (): Known => ({ done: new Set(), doubtful: new Set() });

function remember(known: Known, id: number, outcome: Outcome<unknown>): void {
  if (outcome.kind === 'ok') known.done.add(id);
  if (outcome.kind === 'unknown') known.doubtful.add(id);
}

/** Every done id is among those seen, and every one seen is done or in doubt. Settles the doubtful ones. */
function settle(what: string, known: Known, seen: readonly number[]): void {
  const unique = new Set(seen);
  if (unique.size !== seen.length)
    throw new Violation(`${what}: ids repeat: ${seen.length} rows, ${unique.size} ids`);
  const missing = [...known.done].filter((id) => !unique.has(id));
  const foreign = seen.filter((id) => !known.done.has(id) && !known.doubtful.has(id));
  if (missing.length > 0 || foreign.length > 0)
    throw new Violation(
      `${what}: acknowledged and missing: ${missing.slice(0, 10).join(' ') || 'none'}; never acknowledged nor in doubt: ${foreign.slice(0, 10).join(' ') || 'none'}`,
    );
  known.done.clear();
  for (const id of seen) known.done.add(id);
  known.doubtful.clear();
}

const accounts = 8;
const startBalance = 1000;
const counters = 4;

/** Two accounts change and a transfer is written, in one transaction. */
export function transfers(clients: number): Part {
  const known = newKnown();
  let nextId = 1;
  let settled: readonly number[] = Array.from({ length: accounts }, () => startBalance);
  const actor = (client: number): Actor => ({
    name: `transfers/${client}`,
    pauseMs: 2,
    async step(session, random) {
      const id = nextId++;
      const from = random.below(accounts);
      const to = (from + 1 + random.below(accounts - 1)) % accounts;
      const amount = random.between(1, 20);
      const commits = random.chance(0.9);
      const outcome = await session.attempt(
        `transfer ${id}: ${amount} from ${from} to ${to}`,
        async () => {
          await session.run('begin');
          await session.run('update accounts set balance = balance - $2 where id = $1', [
            from,
            amount,
          ]);
          await session.run('insert into transfers values ($1, $2, $3, $4)', [
            id,
            from,
            to,
            amount,
          ]);
          await session.run('update accounts set balance = balance + $2 where id = $1', [
            to,
            amount,
          ]);
          await session.run(commits ? 'commit' : 'rollback');
        },
      );
      if (commits) remember(known, id, outcome);
      return outcome.kind;
    },
  });
  return {
    name: 'transfers',
    actors: Array.from({ length: clients }, (_, i) => actor(i)),
    async setup(session) {
      await session.run('create table accounts (id int primary key, balance int not null)');
      await session.run('create table transfers (id int primary key, a int, b int, amount int)');
      await session.run(
        `insert into accounts select i, ${startBalance} from generate_series(0, ${accounts - 1}) i`,
      );
    },
    async check(reader) {
      const rows = (await reader.everyWay('select id, a, b, amount from transfers')) as number[][];
      settle(
        'transfers',
        known,
        rows.map((row) => row[0]!),
      );
      const expected = [...settled];
      for (const [, from, to, amount] of rows) {
        expected[from!]! -= amount!;
        expected[to!]! += amount!;
      }
      const found = (await reader.everyWay('select id, balance from accounts')) as number[][];
      if (found.length !== accounts)
        throw new Violation(`${found.length} accounts instead of ${accounts}`);
      for (const [id, balance] of found) {
        const [again] = await reader.direct('select balance from accounts where id = $1', [id]);
        if (balance !== expected[id!] || again?.[0] !== balance)
          throw new Violation(
            `account ${id} has ${balance} by a scan and ${String(again?.[0])} by its key; its transfers say ${expected[id!]}`,
          );
      }
    },
    async tidy(session) {
      if (known.done.size < 500) return;
      const rows = (await session.rows('select id, balance from accounts')) as number[][];
      await session.run('truncate transfers');
      settled = rows.toSorted((a, b) => a[0]! - b[0]!).map((row) => row[1]!);
      known.done.clear();
    },
  };
}

/** INSERT … ON CONFLICT DO UPDATE of few keys by many, beside a hit for each. */
export function upsertedCounters(clients: number): Part {
  const known = newKnown();
  let nextId = 1;
  let settled = new Map<number, number>();
  const actor = (client: number): Actor => ({
    name: `counters/${client}`,
    pauseMs: 4,
    async step(session, random) {
      const id = nextId++;
      const counter = random.below(counters);
      const outcome = await session.attempt(`hit ${id} of counter ${counter}`, async () => {
        await session.run('begin');
        await session.run(
          'insert into counters values ($1, 1) on conflict (id) do update set n = counters.n + 1',
          [counter],
        );
        await session.run('insert into hits values ($1, $2)', [id, counter]);
        await session.run('commit');
      });
      remember(known, id, outcome);
      return outcome.kind;
    },
  });
  return {
    name: 'counters',
    actors: Array.from({ length: clients }, (_, i) => actor(i)),
    async setup(session) {
      await session.run('create table counters (id int primary key, n int not null)');
      await session.run('create table hits (id int primary key, counter int not null)');
      await session.run('create index hits_counter on hits (counter)');
    },
    async check(reader) {
      const hits = (await reader.everyWay('select id, counter from hits')) as number[][];
      settle(
        'hits',
        known,
        hits.map((row) => row[0]!),
      );
      const found = new Map(
        (await reader.everyWay('select id, n from counters')) as [number, number][],
      );
      for (let counter = 0; counter < counters; counter++) {
        const counted = hits.filter((row) => row[1] === counter).length;
        const byIndex = await reader.direct('select id from hits where counter = $1', [counter]);
        const expected = counted + (settled.get(counter) ?? 0);
        if ((found.get(counter) ?? 0) !== expected || byIndex.length !== counted)
          throw new Violation(
            `counter ${counter} is ${found.get(counter) ?? 0}, its hits say ${expected} (${byIndex.length} of ${counted} by the index)`,
          );
      }
    },
    async tidy(session) {
      if (known.done.size < 500) return;
      settled = new Map((await session.rows('select id, n from counters')) as [number, number][]);
      await session.run('truncate hits');
      known.done.clear();
    },
  };
}

const words = 16;

/** Few unique words that many want: 23505 is a refusal, two holders of one word a violation. */
export function claims(clients: number): Part {
  const holders = Array.from({ length: clients }, () => ({
    held: new Map<number, string>(),
    doubt: undefined as { id: number; word: string; gives: boolean } | undefined,
  }));
  let nextId = 1;
  const actor = (client: number): Actor => ({
    name: `claims/${client}`,
    pauseMs: 4,
    async step(session, random) {
      const holder = holders[client]!;
      const held = [...holder.held];
      const gives = held.length > 0 && random.chance(0.3 + held.length / 10);
      const [id, word] = gives ? random.pick(held) : [nextId++, `word ${random.below(words)}`];
      const outcome = await session.attempt(
        `${gives ? 'give up' : 'claim'} ${word} as ${id}`,
        () =>
          gives
            ? session.run('delete from claims where id = $1', [id])
            : session.run('insert into claims values ($1, $2, $3)', [id, word, client]),
        gives ? [] : ['23505'],
      );
      if (outcome.kind === 'ok') {
        if (outcome.value !== 1)
          throw new Violation(
            `${session.name}: claim ${id} of ${word} touched ${outcome.value} rows`,
          );
        if (gives) holder.held.delete(id);
        else holder.held.set(id, word);
      }
      if (outcome.kind === 'unknown') holder.doubt = { id, word, gives };
      return outcome.kind;
    },
  });
  return {
    name: 'claims',
    actors: Array.from({ length: clients }, (_, i) => actor(i)),
    async setup(session) {
      await session.run(
        'create table claims (id int primary key, word text not null unique, client int)',
      );
    },
    async check(reader) {
      const rows = (await reader.everyWay('select id, word, client from claims')) as [
        number,
        string,
        number,
      ][];
      const byWord = new Map<string, number>();
      for (const [id, word] of rows) {
        const other = byWord.get(word);
        if (other !== undefined) throw new Violation(`claims ${other} and ${id} both hold ${word}`);
        byWord.set(word, id);
      }
      for (const [client, holder] of holders.entries()) {
        const found = new Map(
          rows.filter((row) => row[2] === client).map(([id, word]) => [id, word]),
        );
        const { doubt } = holder;
        if (doubt !== undefined) {
          if (found.has(doubt.id)) holder.held.set(doubt.id, doubt.word);
          else holder.held.delete(doubt.id);
          holder.doubt = undefined;
        }
        const text = (map: ReadonlyMap<number, string>): string =>
          JSON.stringify([...map].toSorted((a, b) => a[0] - b[0]));
        if (text(found) !== text(holder.held))
          throw new Violation(
            `client ${client} holds ${text(found)}, should hold ${text(holder.held)}`,
          );
      }
      for (let n = 0; n < words; n++) {
        const found = await reader.direct('select id from claims where word = $1', [`word ${n}`]);
        const expected = byWord.get(`word ${n}`);
        if (found.length !== (expected === undefined ? 0 : 1) || found[0]?.[0] !== expected)
          throw new Violation(
            `word ${n} is held by ${String(expected)}, the unique index says ${JSON.stringify(found)}`,
          );
      }
    },
  };
}

/** A stream table: rows come singly and by COPY, and never change. */
export function events(clients: number): Part {
  const known = newKnown();
  /** Batches in doubt, first id and rows: all of their ids or none. */
  let batches: (readonly [first: number, rows: number])[] = [];
  let nextId = 1;
  const actor = (client: number): Actor => ({
    name: `events/${client}`,
    pauseMs: 4,
    async step(session, random) {
      const rows = random.chance(0.8) ? 1 : random.between(2, 30);
      const first = nextId;
      nextId += rows;
      const ids = Array.from({ length: rows }, (_, i) => first + i);
      const outcome = await session.attempt(`events ${first} to ${first + rows - 1}`, () =>
        rows === 1
          ? session.run('insert into events values ($1, $2)', [first, client])
          : session.copy(
              'copy events from stdin',
              ids.map((id) => `${id}\t${client}\n`),
            ),
      );
      for (const id of ids) remember(known, id, outcome);
      if (outcome.kind === 'unknown') batches.push([first, rows]);
      return outcome.kind;
    },
  });
  return {
    name: 'events',
    actors: Array.from({ length: clients }, (_, i) => actor(i)),
    async setup(session) {
      await session.run(`create stream table events (id int, client int) with (ttl = '7 days')`);
    },
    async check(reader) {
      const rows = (await reader.everyWay('select id from events')) as number[][];
      const seen = new Set(rows.map((row) => row[0]!));
      for (const [first, count] of batches) {
        const present = Array.from({ length: count }, (_, i) => seen.has(first + i)).filter(
          Boolean,
        ).length;
        if (present !== 0 && present !== count)
          throw new Violation(`${present} of ${count} events from ${first} on, of one COPY`);
      }
      settle(
        'events',
        known,
        rows.map((row) => row[0]!),
      );
      batches = [];
    },
    async tidy(session) {
      if (known.done.size < 1500) return;
      await session.run('truncate events');
      known.done.clear();
    },
  };
}

/** Sequences, by DEFAULT and by nextval: no value is ever handed out twice, kills included. */
export function sequences(clients: number): Part {
  const known = newKnown();
  const handedOut = new Set<string>();
  let ticketIds = new Map<number, string>();
  let nextId = 1;
  const take = (value: string): void => {
    if (handedOut.has(value)) throw new Violation(`the sequence has given ${value} twice`);
    handedOut.add(value);
  };
  const actor = (client: number): Actor => ({
    name: `sequences/${client}`,
    pauseMs: 4,
    async step(session, random) {
      if (random.chance(0.4)) {
        const outcome = await session.attempt('nextval', () =>
          session.rows(`select nextval('numbers')`),
        );
        if (outcome.kind === 'ok') take(`numbers ${String(outcome.value[0]?.[0])}`);
        return outcome.kind;
      }
      const mark = nextId++;
      const outcome = await session.attempt(`ticket ${mark}`, () =>
        session.rows('insert into tickets (mark) values ($1) returning id', [mark]),
      );
      remember(known, mark, outcome);
      if (outcome.kind === 'ok') {
        const id = String(outcome.value[0]?.[0]);
        take(`tickets ${id}`);
        ticketIds.set(mark, id);
      }
      return outcome.kind;
    },
  });
  return {
    name: 'sequences',
    actors: Array.from({ length: clients }, (_, i) => actor(i)),
    async setup(session) {
      await session.run('create sequence numbers');
      await session.run('create table tickets (id bigserial primary key, mark int not null)');
    },
    async check(reader) {
      const rows = (await reader.everyWay('select id, mark from tickets')) as [string, number][];
      settle(
        'tickets',
        known,
        rows.map((row) => row[1]),
      );
      for (const [id, mark] of rows) {
        const told = ticketIds.get(mark);
        if (told !== undefined && told !== id)
          throw new Violation(`ticket ${mark} has id ${id}, it was told to have ${told}`);
        ticketIds.set(mark, id);
        // That of a transaction in doubt was handed out as well.
        handedOut.add(`tickets ${id}`);
      }
    },
    async tidy(session) {
      if (known.done.size < 800) return;
      await session.run('truncate tickets');
      known.done.clear();
      ticketIds = new Map();
    },
  };
}

/** Jobs that a server makes, by itself or as it is asked to. */
const jobTypes: readonly unknown[] = ['flush', 'compact', 'drop', 'rewrite', 'retention', 'evict'];

/** Flushes and vacuums whatever there is, one table after the other. */
export function flusher(tables: readonly string[]): Part {
  return {
    name: 'flush',
    actors: [
      {
        name: 'flush',
        pauseMs: 40,
        async step(session: Session, random: Random) {
          const table = random.pick(tables);
          // Streams are never flushed; rows past their retention are there all the time.
          const vacuums = table === 'blinks' || random.chance(table === 'drafts' ? 0.6 : 0.2);
          const what = `${vacuums ? 'vacuum' : 'flush table'} ${table}`;
          const outcome = await session.attempt(what, () => session.run(what));
          return outcome.kind;
        },
      },
    ],
    setup: async () => undefined,
    async check(reader: Reader) {
      const jobs = await reader.session.rows(
        `select job_id, job_type, status, attempts, error_message, finished_at is null from system.jobs`,
      );
      const wrong = jobs.filter(([, type, status, attempts, , unfinished]) => {
        const ended = status === 'completed' || status === 'failed' || status === 'cancelled';
        return (
          !jobTypes.includes(type) ||
          !ended ||
          (status !== 'cancelled' && Number(attempts) < 1) ||
          unfinished !== false
        );
      });
      // A job may fail only because its table is gone.
      const failed = jobs.filter(
        ([, , status, , message]) =>
          status === 'failed' && !/does not exist|dropped/.test(String(message)),
      );
      if (wrong.length > 0 || failed.length > 0)
        throw new Violation(`system.jobs has ${JSON.stringify([...wrong, ...failed].slice(0, 5))}`);
    },
  };
}
