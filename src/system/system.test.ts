import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { mirrorSetup } from '../catalog/setup.ts';
import type { JobRecord } from '../jobs/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import type { Viewer } from '../session/engine.ts';
import { createLockManager, exclusive, rowModes, tableModes } from '../locks/index.ts';
import { keyText } from '../storage/keys/buffer.ts';
import { Keyspace, inKeyspace } from '../storage/keys/keyspace.ts';
import type { ManifestFile, StoredTable } from '../storage/types.ts';
import { testTable } from '../storage/testing.ts';
import type { Row } from '../types/value.ts';
import { systemRelations, virtualNames, virtualRows } from './index.ts';

let mirror: PgliteHandle;
let tables: CatalogTable[];

beforeAll(async () => {
  mirror = await openPglite({ name: 'analyzer', templateTar: await clusterTemplate() });
  for (const statement of mirrorSetup(systemRelations).statements) await mirror.query(statement);
  await mirror.query(`
    create role owner; create role reader; create role stranger;
    create schema chat authorization owner;
    set role owner;
    create table chat.messages (id bigint); create table chat.rooms (id bigint); create table chat.secrets (id bigint);
    grant select (id) on chat.messages to reader; grant insert on chat.rooms to reader;
    reset role`);
  const { rows } = await mirror.query(
    `select relname, oid::text from pg_class where relnamespace = 'chat'::regnamespace`,
  );
  const oids = new Map(rows.map(([name, oid]) => [name, Number(oid)]));
  const table = (tableId: number, name: string, kind: StoredTable['kind']): CatalogTable => ({
    relid: oids.get(name)!,
    rowTypeOid: 0,
    stored: { ...testTable({ tableId, name, kind, columns: { id: 20 } }), namespace: 'chat' },
    columns: [],
    positionOf: [],
    checks: [],
    foreignKeys: [],
    referencedBy: [],
    schemas: [],
    deferrableUniques: [],
    owner: 'owner',
    rowSecurity: false,
    options: new Map([['type', kind]]),
  });
  tables = [table(3, 'secrets', 'user'), table(1, 'messages', 'user'), table(2, 'rooms', 'shared')];
});

afterAll(() => mirror.close());

const file = (tableId: number, userId: string): ManifestFile => ({
  fileId: tableId * 10 + userId.length,
  tableId,
  userId,
  path: `chat/${tableId}/${userId}.parquet`,
  rows: 5,
  bytes: 500,
  checksum: '0a0b0c0d',
  minSeq: 1,
  maxSeq: 9,
  schemaVersion: 1,
  statistics: new Map(),
});

const job: JobRecord = {
  jobId: 1n,
  jobType: 'flush',
  tableId: 1,
  namespace: 'chat',
  tableName: 'messages',
  requestedBy: null,
  params: null,
  status: 'completed',
  createdAt: 1n,
  startedAt: 2n,
  finishedAt: 3n,
  attempts: 1,
  nodeId: 0,
  progress: 1,
  result: { rows_flushed: 5, users: 1 },
  errorMessage: null,
};

const session = {
  processId: 1,
  user: 'reader',
  database: 'postgres',
  applicationName: 'psql',
  remoteAddress: '127.0.0.1',
  startedAt: 1n,
  state: 'idle',
  query: "select 'secret of bob'",
} as const;

const liveQuery = {
  queryId: 1n,
  processId: 1,
  role: 'reader',
  userId: 'ann',
  text: 'select 1',
  tableIds: new Set([1]),
  startedAt: 5n,
};

const auditEntry = {
  auditId: 1n,
  at: 6n,
  kind: 'schema',
  action: 'DROP TABLE',
  role: 'reader',
  sessionUser: null,
  userId: 'ann',
  processId: 1,
  remoteAddress: '127.0.0.1',
  objectType: 'table',
  objectName: 'chat.old',
  tables: [{ id: 8, name: 'chat.old', change: 'dropped' }],
  statement: 'drop table chat.old',
  detail: null,
} as const;

const locks = createLockManager();
const ofReader = locks.owner(locks.backend(1));
const ofOwner = locks.owner(locks.backend(2));
const rowOf = (tableId: number, key: string): string =>
  keyText(inKeyspace(Keyspace.rows, tableId, Buffer.from(key)));
locks.tryAcquire(ofOwner, 'relation', 2, tableModes.rowExclusive);
locks.tryAcquire(ofOwner, 'relation', 3, tableModes.rowShare);
locks.tryAcquire(ofOwner, 'row', rowOf(3, 'secret of bob'), rowModes.update);
locks.tryAcquire(ofOwner, 'row', rowOf(3, 'secret of ann'), rowModes.update);
locks.tryAcquire(ofReader, 'row', rowOf(1, 'mine'), rowModes.share);
locks.tryAcquire(ofReader, 'relation', 3, tableModes.accessShare);
locks.tryAcquire(ofReader, 'advisory', '5,0,7,1', exclusive);
void locks.acquire(ofReader, 'relation', 2, tableModes.accessExclusive);

function read(name: string, viewer: Viewer): Promise<readonly Row[]> {
  const catalog = { tables, typeName: () => 'bigint' } as unknown as CatalogSnapshot;
  const rows = virtualRows({
    catalog: () => catalog,
    mirror: () => mirror,
    storage: {
      stats: async () => ({ hotRows: 10, coldRows: 5, coldBytes: 500, files: 1 }),
      files: async (tableId) =>
        tableId === 2 ? [file(2, '')] : [file(tableId!, 'ann'), file(tableId!, 'bobby')],
      users: async () => ['ann', 'bobby'],
      locks,
    },
    jobs: { list: () => [job, { ...job, jobId: 2n, tableId: 99, tableName: 'dropped' }] },
    live: { list: () => [liveQuery, { ...liveQuery, queryId: 2n, userId: 'bob' }] },
    audit: { list: async () => [auditEntry, { ...auditEntry, auditId: 2n, userId: 'bob' }] },
    sessions: { list: () => [{ ...session, processId: 2, user: 'owner' }, session] },
    config: { dataDir: '/data', port: 5454, materializeLimitRows: 77 },
  });
  return rows(name, viewer).then((source) => source.rows);
}

const all: Viewer = { role: 'postgres', userId: 'postgres', seesAll: true };
const owner: Viewer = { role: 'owner', userId: 'owner', seesAll: false };
const reader: Viewer = { role: 'reader', userId: 'ann', seesAll: false };
const stranger: Viewer = { role: 'stranger', userId: 'ann', seesAll: false };
const column = async (name: string, viewer: Viewer, at: number): Promise<unknown[]> =>
  (await read(name, viewer)).map((row) => row[at]);

describe('in the mirror', () => {
  test('every relation is a table that everyone may read, with a comment', async () => {
    const { rows } = await mirror.query(
      `select relname, has_table_privilege('stranger', oid, 'SELECT')::text, (obj_description(oid) <> '')::text
       from pg_class where relnamespace = 'system'::regnamespace and relkind = 'r' order by 1`,
    );
    expect(rows).toEqual(virtualNames.map((name) => [name, 'true', 'true']));
  });

  test('a table has as many columns as its rows', async () => {
    for (const name of virtualNames) {
      const [first] = await read(name, all);
      const { rows } = await mirror.query(
        `select count(*)::text from information_schema.columns where table_schema = 'system' and table_name = $1`,
        [name],
      );
      expect([name, String(first?.length)]).toEqual([name, rows[0]![0]]);
    }
  });
});

describe('tables', () => {
  test('are those that one has a right on, in the order of their names', async () => {
    expect(await column('tables', all, 1)).toEqual(['messages', 'rooms', 'secrets']);
    expect(await column('tables', owner, 1)).toEqual(['messages', 'rooms', 'secrets']);
    expect(await column('tables', reader, 1)).toEqual(['messages', 'rooms']);
    expect(await column('tables', stranger, 1)).toEqual([]);
  });

  test('tell how much all users have to the owner only', async () => {
    expect((await read('tables', owner))[0]).toEqual([
      'chat',
      'messages',
      'user',
      1n,
      'owner',
      10n,
      5n,
      500n,
      1n,
      '{"type": "user"}',
    ]);
    expect(await column('tables', reader, 5)).toEqual([null, 10n]);
  });

  test('have their layouts in table_schemas', async () => {
    expect(await read('table_schemas', reader)).toEqual([
      ['chat', 'messages', 1n, 1, '[{"id": 1, "name": "id", "type": "bigint"}]', null],
      ['chat', 'rooms', 2n, 1, '[{"id": 1, "name": "id", "type": "bigint"}]', null],
    ]);
    expect(await read('table_schemas', stranger)).toEqual([]);
  });
});

test('files and users name no other user id', async () => {
  expect(await column('files', all, 3)).toEqual(['ann', 'bobby', null, 'ann', 'bobby']);
  expect(await column('files', reader, 3)).toEqual(['ann', null]);
  expect(await column('files', owner, 3)).toEqual([null]);
  expect(await column('files', stranger, 3)).toEqual([]);
  expect(await column('users', all, 0)).toEqual(['ann', 'bobby', 'ann', 'bobby']);
  expect(await read('users', reader)).toEqual([['ann', 'chat', 'messages']]);
});

test('jobs are for owners, also when their table is gone for those who see all', async () => {
  expect(await column('jobs', all, 0)).toEqual([1n, 2n]);
  expect(await read('jobs', owner)).toEqual([
    [
      1n,
      'flush',
      'chat',
      'messages',
      'completed',
      1n,
      2n,
      3n,
      1,
      0,
      1,
      '{"users": 1, "rows_flushed": 5}',
      null,
    ],
  ]);
  expect(await read('jobs', reader)).toEqual([]);
});

test('sessions are one role’s own, without what they run', async () => {
  expect(await column('sessions', all, 7)).toEqual([session.query, session.query]);
  expect(await read('sessions', reader)).toEqual([
    [1, 'reader', 'postgres', 'psql', '127.0.0.1', 1n, 'idle', null],
  ]);
});

test('locks are of one role’s own sessions, and never tell a row’s key', async () => {
  const nobody = { kind: 'array', elements: [], dims: [], lowerBounds: [] };
  const second = { kind: 'array', elements: [2], dims: [1], lowerBounds: [1] };
  const readers = [
    [1, 'relation', 'chat', 'rooms', null, 'AccessExclusiveLock', false, 1n, second],
    // What one has no right on has no name.
    [1, 'relation', null, null, null, 'AccessShareLock', true, 1n, nobody],
    [1, 'row', 'chat', 'messages', null, 'For Share', true, null, nobody],
    [1, 'advisory', null, null, null, 'ExclusiveLock', true, 1n, nobody],
  ];
  expect(await read('locks', reader)).toEqual(readers);
  expect(await read('locks', stranger)).toEqual([]);
  const seen = await read('locks', all);
  expect(seen.slice(4)).toEqual([
    [2, 'relation', 'chat', 'rooms', null, 'RowExclusiveLock', true, 1n, nobody],
    [2, 'relation', 'chat', 'secrets', null, 'RowShareLock', true, 1n, nobody],
    [2, 'row', 'chat', 'secrets', null, 'For Update', true, 2n, nobody],
  ]);
  expect(seen[3]).toEqual([
    1,
    'advisory',
    null,
    null,
    '5,0,7,1',
    'ExclusiveLock',
    true,
    1n,
    nobody,
  ]);
});

test('live queries and audit entries are of one role and user id', async () => {
  expect(await column('live_queries', all, 3)).toEqual(['ann', 'bob']);
  const live = [1n, 1, 'reader', 'ann', 'select 1', '["chat.messages"]', 5n];
  expect(await read('live_queries', reader)).toEqual([live]);
  expect(await read('live_queries', stranger)).toEqual([]);
  expect(await column('audit_log', all, 6)).toEqual(['ann', 'bob']);
  const [entry, ...more] = await read('audit_log', reader);
  expect(entry?.slice(0, 5)).toEqual([1n, 6n, 'schema', 'DROP TABLE', 'reader']);
  expect(more).toEqual([]);
  expect(await read('audit_log', stranger)).toEqual([]);
});

test('settings tell where the data is only to those who see all', async () => {
  const named = async (viewer: Viewer): Promise<Map<unknown, unknown>> =>
    new Map((await read('settings', viewer)).map(([name, setting]) => [name, setting]));
  expect((await named(all)).get('data_dir')).toBe('/data');
  const seen = await named(reader);
  expect(seen.has('data_dir')).toBe(false);
  expect(seen.get('port')).toBe('5454');
  expect(seen.get('tide.user_id')).toBe('ann');
  expect(seen.get('tide.materialize_limit')).toBe('77');
  expect(seen.get('tide.executor')).toBe('auto');
});

test('namespaces leave out the reserved ones and count what one may know of', async () => {
  expect(await read('namespaces', all)).toEqual([
    ['chat', 'owner', 3n],
    ['public', 'pg_database_owner', 0n],
  ]);
  expect(await column('namespaces', reader, 2)).toEqual([2n, 0n]);
});
