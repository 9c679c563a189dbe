/** Twelve users with secrets in two user tables, hot and cold, and what is shared. */
import pg from 'pg';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { WireTap } from './wire-tap.ts';
import { openWireTap } from './wire-tap.ts';

export const userCount = 12;

/** Ids that try to be confused: prefixes of each other, quotes, separators, other letters, a long one. */
export const userIds: readonly string[] = [
  'ann',
  'ann2',
  'an',
  'ANN',
  "o'brien",
  'a/b',
  '../ann',
  'ann\u0001x',
  'äöü-日本',
  '%',
  '"quoted"',
  'long'.repeat(60),
];

/** Words that stand in one user's rows only and can't come about by chance. */
export const tokenOf = (user: number, table: string, row: number): string =>
  `SECRET${String.fromCharCode(65 + user).repeat(6)}${table}${row}Z`;

/** What all tokens of a user begin with. */
export const tokenPrefix = (user: number): string =>
  `SECRET${String.fromCharCode(65 + user).repeat(6)}`;

export interface User {
  readonly index: number;
  readonly id: string;
  readonly tap: WireTap;
  /** A connection of its own, as the service that speaks for this user. */
  readonly client: pg.Client;
}

export interface World {
  readonly server: ServerProcess;
  readonly users: readonly User[];
  close(): Promise<void>;
}

/** Rows 1 to 3 of each table are flushed, 4 to 6 are hot. */
export const coldRows = 3;
export const allRows = 6;

export const literal = (text: string): string => pg.escapeLiteral(text);

async function insertRows(user: User, from: number, to: number): Promise<void> {
  for (let row = from; row <= to; row++) {
    await user.client.query(
      'insert into vault.notes (id, room, title, body, tags, extra) values ($1, $2, $3, $4, $5, $6)',
      [
        row,
        row % 3,
        tokenOf(user.index, 'T', row),
        tokenOf(user.index, 'B', row),
        [tokenOf(user.index, 'G', row), 'common'],
        { key: tokenOf(user.index, 'J', row) },
      ],
    );
    await user.client.query('insert into vault.files values ($1, $2, $3)', [
      tokenOf(user.index, 'N', row),
      row,
      Buffer.from(tokenOf(user.index, 'D', row)),
    ]);
  }
}

export async function openWorld(): Promise<World> {
  const server = await startServerProcess();
  const users: User[] = [];
  async function close(): Promise<void> {
    for (const { client, tap } of users) {
      await client.end().catch(() => undefined);
      await tap.close();
    }
    await server.remove();
  }
  try {
    const admin = new pg.Client({
      host: '127.0.0.1',
      port: server.port,
      user: 'postgres',
      database: 'postgres',
    });
    await admin.connect();
    for (const sql of [
      'create schema vault',
      `create user table vault.notes (id int primary key, room int, title text unique, body text check (body <> 'bad'), tags text[], extra jsonb)`,
      'create index on vault.notes (room)',
      'create user table vault.files (name text, size int, data bytea, primary key (name, size))',
      'create shared table vault.rooms (id int primary key, name text)',
      `insert into vault.rooms values (0, 'hall'), (1, 'lab'), (2, 'attic')`,
      'create view vault.overview as select n.id, n.title, r.name from vault.notes n join vault.rooms r on r.id = n.room',
    ]) {
      await admin.query(sql);
    }
    for (const [index, id] of userIds.entries()) {
      const tap = await openWireTap(server.port);
      const client = new pg.Client({
        host: '127.0.0.1',
        port: tap.port,
        user: 'postgres',
        database: 'postgres',
      });
      await client.connect();
      await client.query(`select set_config('tide.user_id', $1, false)`, [id]);
      users.push({ index, id, tap, client });
    }
    for (const user of users) await insertRows(user, 1, coldRows);
    await admin.query('flush table vault.notes');
    await admin.query('flush table vault.files');
    for (const user of users) await insertRows(user, coldRows + 1, allRows);
    await admin.end();
    for (const { tap } of users) tap.forget();
    return { server, users, close };
  } catch (error) {
    await close();
    throw error;
  }
}
