import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { flush } from './load.ts';
import type { Target } from './server.ts';
import { DemoError, connect, freshNamespace } from './server.ts';
import { heading, number, printRows, progress, seconds } from './terminal.ts';

const users = ['ann', 'bob', 'chandra', 'dagny', 'emeka', 'фёдор'] as const;
const messagesPerUser = 200;
const typingTtlMs = 3000;

async function createChat(client: pg.Client): Promise<void> {
  await freshNamespace(client, 'chat');
  await client.query(`
    CREATE SHARED TABLE chat.rooms (name text PRIMARY KEY, topic text NOT NULL);
    CREATE USER TABLE chat.messages (
      id bigint PRIMARY KEY DEFAULT snowflake_id(),
      room text NOT NULL,
      body text NOT NULL CHECK (body <> ''),
      sent_at timestamptz NOT NULL DEFAULT now());
    CREATE STREAM TABLE chat.typing (room text, who text) WITH (ttl = '${typingTtlMs / 1000}s');
    INSERT INTO chat.rooms VALUES ('general', 'anything'), ('flights', 'late again?')`);
}

/** One user's connection: writes messages, and says at each that somebody types. */
async function talk(client: pg.Client, user: string, onMessage: () => void): Promise<void> {
  for (let i = 0; i < messagesPerUser; i++) {
    const room = i % 3 === 0 ? 'flights' : 'general';
    if (i % 20 === 0) {
      await client.query('INSERT INTO chat.typing (room, who) VALUES ($1, $2)', [room, user]);
    }
    await client.query('INSERT INTO chat.messages (room, body) VALUES ($1, $2)', [
      room,
      `${user} says ${i}`,
    ]);
    onMessage();
  }
}

/** What a user sees; throws when that is anything but exactly the user's own messages. */
async function seen(client: pg.Client, user: string): Promise<Record<string, unknown>> {
  const { rows } = await client.query<{ messages: string; own: string; latest: string }>(
    `SELECT count(*) AS messages, count(*) FILTER (WHERE starts_with(body, $1 || ' says ')) AS own, max(id)::text AS latest
     FROM chat.messages`,
    [user],
  );
  const { messages, own } = rows[0]!;
  if (Number(messages) !== messagesPerUser || own !== messages) {
    throw new DemoError(
      `${user} sees ${messages} messages, ${own} of them their own, not ${messagesPerUser}`,
    );
  }
  return { user, messages };
}

export async function chatDemo(
  client: pg.Client,
  watcher: pg.Client,
  target: Target,
): Promise<void> {
  heading(`chat: ${users.length} users at once, each on a connection of their own`);
  await createChat(client);
  const clients = new Map<string, pg.Client>();
  try {
    for (const user of users) {
      const own = await connect(target);
      clients.set(user, own);
      await own.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    }
    const bar = progress('messages');
    const total = users.length * messagesPerUser;
    const started = performance.now();
    let sent = 0;
    const onMessage = (): void => bar.update(++sent / total, `${sent} of ${total}`);
    await Promise.all([...clients].map(([user, own]) => talk(own, user, onMessage)));
    const ms = performance.now() - started;
    bar.end(`${number(total)} durable inserts in ${seconds(ms)}, ${number((total * 1000) / ms)}/s`);

    const typing = await client.query<Record<string, unknown>>(
      'SELECT room, who, count(*) AS times FROM chat.typing GROUP BY room, who ORDER BY who, room',
    );
    console.log(`\nchat.typing is a stream whose rows live ${typingTtlMs / 1000} s; it has now:`);
    printRows(typing.rows);

    console.log('\nthe same SELECT on chat.messages, as each of them:');
    const see = (): Promise<Record<string, unknown>[]> =>
      Promise.all([...clients].map(([user, own]) => seen(own, user)));
    printRows(await see(), users.length);
    await flush(client, watcher, 'chat.messages');
    await see();
    console.log('and after the flush each still sees exactly their own');

    const asBob = await client.query<Record<string, unknown>>(
      `EXECUTE AS USER 'bob' (SELECT room, count(*) AS messages FROM chat.messages GROUP BY room ORDER BY room)`,
    );
    console.log("\nEXECUTE AS USER 'bob', on somebody else's connection:");
    printRows(asBob.rows);

    await client.query(`SET tide.scope = 'all'`);
    const everyone = await client.query<Record<string, unknown>>(
      'SELECT _user_id, count(*) AS messages, max(_updated) AS latest FROM chat.messages GROUP BY _user_id ORDER BY _user_id',
    );
    await client.query('RESET tide.scope');
    console.log("\nthe superuser with SET tide.scope = 'all':");
    printRows(everyone.rows, users.length);

    await sleep(typingTtlMs);
    const { rows: left } = await client.query<{ n: string }>(
      'SELECT count(*) AS n FROM chat.typing',
    );
    console.log(`\nchat.typing after ${typingTtlMs / 1000} s: ${left[0]?.n} rows`);
    if (left[0]?.n !== '0') throw new DemoError('rows of chat.typing outlived their ttl');
  } finally {
    for (const own of clients.values()) await own.end();
  }
}
