import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { mirrorSetup } from '../catalog/setup.ts';
import type { JobRecord } from '../jobs/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import type { Viewer } from '../session/engine.ts';
import { createActivity } from '../session/activity.ts';
import { createLockManager, exclusive, rowModes, tableModes } from '../locks/index.ts';
import { keyText } from '../storage/keys/buffer.ts';
import { Keyspace, inKeyspace } from '../storage/keys/keyspace.ts';
import type { ManifestFile, StorageStats, StoredTable } from '../storage/types.ts';
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

const tableStats: StorageStats = {
  hotRows: 10,
  hotDeletedRows: 2,
  hotBytes: 1000,
  indexBytes: new Map([
    [1, 30],
    [2, 12],
  ]),
  coldRows: 5,
  coldDeletedRows: 1,
  coldBytes: 500,
  files: 1,
  supersededKeys: 4,
  metadataBytes: 77,
  users: 2,
};

const metrics = {
  lastSeq: 99,
  groups: { written: 5, synced: 4, members: 9, membersMax: 3, bytes: 1234 },
  hotMemoryBytes: 4096,
  duckdbMemoryBytes: undefined,
};

const diskFigures = {
  hotBytes: 100,
  coldBytes: 500,
  coldFiles: 1,
  mirrorBytes: 50,
  globalBytes: 0,
  totalBytes: 650,
};

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
  const tablespaces = [{ name: 'pg_default', owner: 'postgres' }];
  const catalog = { tables, tablespaces, typeName: () => 'bigint' } as unknown as CatalogSnapshot;
  const rows = virtualRows({
    catalog: () => catalog,
    mirror: () => mirror,
    storage: {
      metrics: async () => metrics,
      filePath: ({ path }) => `/data/cold/${path}`,
      locations: {
        uses: async () =>
          new Map([[undefined, { tableIds: new Set([1, 2]), files: 3, bytes: 1500 }]]),
      },
      files: async (tableId) =>
        tableId === 2 ? [file(2, '')] : [file(tableId!, 'ann'), file(tableId!, 'bobby')],
      users: async () => ['ann', 'bobby'],
      locks,
    },
    jobs: { list: () => [job, { ...job, jobId: 2n, tableId: 99, tableName: 'dropped' }] },
    activity: { ...createActivity(), commits: 7 },
    figures: {
      of: async (asked) =>
        new Map(
          asked
            .filter(({ tableId }) => tableId !== 3)
            .map(({ tableId }) => [tableId, { stats: tableStats, measuredAt: 9n }]),
        ),
    },
    disk: { measure: async () => diskFigures },
    process: {
      startedAt: 1_000_000n,
      startUpMs: 12,
      now: () => 3_000_000n,
      memory: () => ({ rss: 1, heapUsed: 2, external: 3 }),
      eventLoop: () => ({ p50Ms: 0, p99Ms: 1, maxMs: 2 }),
      columnarMemory: async () => undefined,
    },
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

  test('every relation has its row in the page about them', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/system.md'), 'utf8');
    const named = [...page.matchAll(/^\| `system\.(\w+)` \|/gm)].map(([, name]) => name!);
    expect(named.toSorted()).toEqual([...virtualNames].toSorted());
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
    expect(tables.find(({ stored }) => stored.name === 'messages')?.options.size).toBe(1);
    const flushed = 3n;
    const messages = ['chat', 'messages', 'user', 1n, 'owner', 1, null];
    const figures = [10n, 5n, 3n, 4n, 2n, 1n, 1000n, 42n, 77n, 500n, 9n, flushed, null, null];
    const [first, second, third] = await read('tables', owner);
    expect(first).toEqual([...messages, ...figures, '{"type": "user"}']);
    expect(second?.slice(7, 12)).toEqual([10n, 5n, 3n, 4n, null]);
    // Never counted yet.
    expect(third?.slice(7, 19)).toEqual(third?.slice(7, 19).map(() => null));
    const [hidden, shared] = await read('tables', reader);
    expect(hidden?.slice(7, 21)).toEqual(hidden?.slice(7, 21).map(() => null));
    expect(shared?.[7]).toBe(10n);
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
  expect((await read('files', all))[2]?.slice(3, 9)).toEqual([
    null,
    'chat/2/.parquet',
    '/data/cold/chat/2/.parquet',
    'pg_default',
    5n,
    null,
  ]);
  expect(await column('files', reader, 5)).toEqual([null, null]);
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

test('stats are for those who see all, but since when the server runs', async () => {
  const named = new Map((await read('stats', all)).map(([name, value]) => [name, value]));
  expect(Object.fromEntries(named)).toMatchObject({
    started_at: 946_684_801,
    uptime: 2,
    start_up: 12,
    commits: 7,
    last_seq: 99,
    group_commit_members_max: 3,
    hot_store_bytes: 100,
    duckdb_columnar_memory: null,
    jobs_flush_completed: 2,
    flush_rows: 10,
    event_loop_delay_p99: 1,
  });
  expect(await column('stats', reader, 0)).toEqual(['started_at', 'start_up', 'uptime']);
});

test('storages count the tables that one may know of', async () => {
  const [row] = await read('storages', all);
  expect(row?.slice(2)).toEqual(['postgres', 3n, 3n, 1500n]);
  expect(row?.[1]).toMatch(/^\/data\/cold\//);
  expect(await read('storages', reader)).toEqual([
    ['pg_default', null, 'postgres', 2n, null, null],
  ]);
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
