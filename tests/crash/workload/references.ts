/** Orders and their lines, bound by a foreign key: an order has all of its lines, and no line is without its order. */
import type { Outcome, Session } from '../client.ts';
import { Violation } from '../client.ts';
import type { Random } from '../random.ts';
import type { Part } from './actor.ts';
import { partition } from './partition.ts';
import type { Effects, Partition } from './partition.ts';

const ordersKept = 40;
/** Ids of one client. */
const idsPerClient = 100_000;

/** Each client has orders of its own; of each is known how many lines it has. */
export function references(clients: number): Part {
  const own: readonly Partition<number>[] = Array.from({ length: clients }, (_, client) =>
    partition(`orders of client ${client}`),
  );
  const next = own.map((_, client) => client * idsPerClient);

  async function place(session: Session, id: number, lines: number): Promise<void> {
    const rows = Array.from({ length: lines }, (_, i) => `(${id}, ${i})`).join(', ');
    await session.run('begin');
    await session.run('insert into orders values ($1)', [id]);
    await session.run(`insert into lines values ${rows}`);
    await session.run('commit');
  }

  async function operation(
    session: Session,
    random: Random,
    client: number,
  ): Promise<readonly [Outcome<unknown>, Effects<number>]> {
    const orders = [...own[client]!.rows];
    if (orders.length === 0 || (orders.length < ordersKept && random.chance(0.6))) {
      const id = next[client]!++;
      const lines = random.between(1, 8);
      const work = (): Promise<void> => place(session, id, lines);
      const outcome = await session.attempt(`order ${id} of ${lines} lines`, work);
      return [outcome, new Map([[id, lines]])];
    }
    const [id, lines] = random.pick(orders);
    if (random.chance(0.3)) {
      // There is no such order: whatever else happens, this is refused.
      const text = `insert into lines values (${-1 - id}, 0)`;
      const outcome = await session.attempt(text, () => session.run(text), ['23503']);
      if (outcome.kind === 'ok') throw new Violation(`${session.name}: ${text} has been done`);
      return [outcome, new Map()];
    }
    if (random.chance(0.5)) {
      const outcome = await session.attempt(`cancel order ${id}`, () =>
        session.run('delete from orders where id = $1', [id]),
      );
      return [outcome, new Map([[id, undefined]])];
    }
    const outcome = await session.attempt(`one more line of order ${id}`, () =>
      session.run('insert into lines values ($1, $2)', [id, lines]),
    );
    return [outcome, new Map([[id, lines + 1]])];
  }

  return {
    name: 'orders',
    actors: own.map((orders, client) => ({
      name: `orders/${client}`,
      pauseMs: 5,
      async step(session, random) {
        const [outcome, effects] = await operation(session, random, client);
        orders.apply(outcome, effects);
        return outcome.kind;
      },
    })),
    async setup(session) {
      await session.run('create table orders (id int primary key)');
      await session.run(
        'create table lines (order_id int references orders on delete cascade, n int, primary key (order_id, n))',
      );
    },
    async check(reader) {
      const ids = (await reader.everyWay('select id from orders')).map((row) => row[0] as number);
      const lines = (await reader.everyWay('select order_id, n from lines')) as [number, number][];
      const counts = new Map<number, number>(ids.map((id) => [id, 0]));
      const seen = new Set<string>();
      for (const [id, n] of lines) {
        const count = counts.get(id);
        if (count === undefined) throw new Violation(`line ${n} of order ${id} has no order`);
        if (seen.has(`${id} ${n}`)) throw new Violation(`line ${n} of order ${id} is there twice`);
        seen.add(`${id} ${n}`);
        counts.set(id, count + 1);
      }
      for (const [client, orders] of own.entries()) {
        const mine = [...counts].filter(([id]) => Math.floor(id / idsPerClient) === client);
        orders.settle(new Map(mine));
      }
    },
  };
}
