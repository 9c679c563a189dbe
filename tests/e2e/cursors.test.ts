/** What a cursor or a suspended portal sees while its own transaction and others write, and whose rows it may change. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';
import { withClient } from './client.ts';

const rowCount = 5000;
/** Of them in Parquet. */
const coldRows = 20;

let server: ServerProcess;
let client: WireClient;
beforeAll(async () => {
  server = await startServerProcess();
  client = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
});
afterAll(async () => {
  client.close();
  await server.remove();
});

async function answers(...messages: Buffer[]): Promise<BackendMessage[]> {
  client.send(...messages);
  return client.until('ReadyForQuery');
}

const run = (text: string): Promise<BackendMessage[]> => answers(frontend.query(text));

/** The SQLSTATE and message of the error among the answers. */
function errorIn(messages: readonly BackendMessage[]): string | undefined {
  const error = messages.find(({ type }) => type === 'ErrorResponse');
  return error && `${String(error['code'])} ${String(error['message'])}`;
}

async function must(...messages: Buffer[]): Promise<readonly (readonly unknown[])[]> {
  const all = await answers(...messages);
  expect(errorIn(all)).toBeUndefined();
  return all
    .filter(({ type }) => type === 'DataRow')
    .map((row) => (row['values'] as (Buffer | null)[]).map((value) => value?.toString() ?? null));
}

const rowsOf = (text: string): Promise<readonly (readonly unknown[])[]> =>
  must(frontend.query(text));

/** Rows in all, the sum of the first columns, and the different second ones. */
function sumOf(rows: readonly (readonly unknown[])[]): readonly unknown[] {
  const ids = rows.reduce((sum, row) => sum + Number(row[0]), 0);
  return [rows.length, ids, [...new Set(rows.map((row) => row[1]))].join()];
}

const original = [rowCount, (rowCount * (rowCount + 1)) / 2, 'old'];

async function makeTable(): Promise<void> {
  await rowsOf('drop table if exists t');
  await rowsOf('create table t (id int primary key, v text not null, n int)');
  await rowsOf(`insert into t select g, 'old', g % 7 from generate_series(1, ${coldRows}) g`);
  await rowsOf('create index on t (n)');
  await rowsOf('flush table t');
  await rowsOf(
    `insert into t select g, 'old', g % 7 from generate_series(${coldRows + 1}, ${rowCount}) g`,
  );
}

// A test leaves the table as it was, or makes it anew.
beforeAll(makeTable);
beforeEach(() => run('rollback'));

const query = 'select id, v from t';

/** Opens a cursor and a portal and reads some rows of both; `rest` reads the others. */
async function halfRead(): Promise<() => Promise<readonly (readonly unknown[])[]>> {
  await rowsOf('begin');
  // Scans of a transaction that has written read its writes, later ones too if nothing kept them from it.
  await rowsOf('update t set n = n + 1 where id % 1000 = 1');
  await rowsOf(`declare c no scroll cursor for ${query}`);
  await rowsOf(`declare s scroll cursor for ${query}`);
  const ofCursor = await rowsOf('fetch 10 c');
  const ofPortal = await must(
    frontend.parse('p', query),
    frontend.bind({ statement: 'p', portal: 'p' }),
    frontend.execute('p', 10),
    frontend.close('statement', 'p'),
    frontend.sync(),
  );
  return async () => {
    const cursor = [...ofCursor, ...(await rowsOf('fetch all c'))];
    await rowsOf('move all s');
    const backwards = await rowsOf('fetch backward all s');
    const portal = [
      ...ofPortal,
      ...(await must(frontend.execute('p', 3000), frontend.execute('p', 0), frontend.sync())),
    ];
    await rowsOf('rollback');
    return [cursor, backwards, portal].map(sumOf);
  };
}

const three = [original, original, original];

describe('what is half read stays as it was when it was opened', () => {
  const ownWrites: Readonly<Record<string, readonly string[]>> = {
    UPDATE: ["update t set v = 'new', n = n + 1"],
    DELETE: ['delete from t where id % 2 = 0'],
    INSERT: [`insert into t select g, 'new', 0 from generate_series(${rowCount + 1}, 6000) g`],
    'UPDATE of keys': [`update t set id = id + ${rowCount * 10} where n = 3`],
    EXECUTE: ["prepare w as update t set v = 'new'", 'execute w', 'deallocate w'],
    'EXPLAIN ANALYZE': ["explain analyze update t set v = 'new'"],
    'a view': ['create view tv as select * from t', "update tv set v = 'new'", 'drop view tv'],
    'a savepoint': [
      'savepoint s',
      "update t set v = 'new'",
      'rollback to s',
      'delete from t where id < 100',
    ],
  };
  test.each(Object.keys(ownWrites))('%s of its own transaction', async (name) => {
    const rest = await halfRead();
    for (const text of ownWrites[name]!) await rowsOf(text);
    expect(await rest()).toEqual(three);
  });

  test('an INSERT by the extended protocol, which else goes in at once', async () => {
    const rest = await halfRead();
    await must(frontend.parse('i', "insert into t values ($1, 'new')", [23]), frontend.sync());
    for (const id of ['0', '-1', String(rowCount + 1)]) {
      await must(
        frontend.bind({ statement: 'i', parameters: [id] }),
        frontend.execute('', 0),
        frontend.sync(),
      );
    }
    await must(frontend.close('statement', 'i'), frontend.sync());
    expect(await rest()).toEqual(three);
  });

  test('COPY', async () => {
    const rest = await halfRead();
    client.send(frontend.query('copy t (id, v) from stdin'));
    await client.until('CopyInResponse');
    await must(frontend.copyData(Buffer.from('0\tnew\n')), frontend.copyDone());
    expect(await rest()).toEqual(three);
  });

  test('other sessions’ writes, and a flush of the table', async () => {
    const rest = await halfRead();
    await withClient(server, async (other) => {
      await other.query("update t set v = 'new' where id % 3 = 0 and id % 1000 <> 1");
      await other.query('delete from t where id % 3 = 1 and id % 1000 <> 1');
      await other.query("insert into t values (0, 'new')");
      await other.query('flush table t');
    });
    await rowsOf('select count(*) from t');
    expect(await rest()).toEqual(three);
    await makeTable();
  });

  test('WITH HOLD, after its transaction has written and committed', async () => {
    await rowsOf('begin');
    await rowsOf('update t set n = n + 1 where id = 4000');
    await rowsOf(`declare h scroll cursor with hold for ${query}`);
    await rowsOf('move 10 h');
    await rowsOf("update t set v = 'new' where id % 3 = 0");
    await rowsOf('commit');
    await rowsOf('truncate t');
    await rowsOf('fetch all h');
    expect(sumOf(await rowsOf('fetch backward all h'))).toEqual(original);
    await rowsOf('close h');
    await makeTable();
  });
});

test('a cursor of its own transaction’s rows has those that were there', async () => {
  await rowsOf('begin');
  await rowsOf("update t set v = 'mine' where id <= 3");
  await rowsOf("insert into t values (0, 'mine')");
  await rowsOf("declare c cursor for select id, v from t where v = 'mine' order by id");
  await rowsOf("update t set v = 'later' where id <= 3");
  expect(await rowsOf('fetch all c')).toEqual([
    ['0', 'mine'],
    ['1', 'mine'],
    ['2', 'mine'],
    ['3', 'mine'],
  ]);
  await rowsOf('rollback');
});

test('what a write would have to keep in memory has a limit', async () => {
  await rowsOf('begin');
  await rowsOf('set local tide.materialize_limit = 3000');
  await rowsOf(`declare c no scroll cursor for ${query}`);
  await rowsOf('fetch 10 c');
  expect(errorIn(await run("insert into t values (0, 'new')"))).toBe(
    '54000 cursor "c" would keep more than 3000 rows in memory',
  );
  await rowsOf('rollback');
  await rowsOf('begin');
  await rowsOf('set local tide.materialize_limit = 3000');
  await rowsOf(`declare c scroll cursor for ${query}`);
  expect(errorIn(await run('move all c'))).toContain('54000');
  await rowsOf('rollback');
  await rowsOf('begin');
  await rowsOf('set local tide.materialize_limit = 3000');
  await rowsOf(`declare c cursor with hold for ${query}`);
  const commit = await run('commit');
  expect(errorIn(commit)).toContain('54000');
  expect(commit.at(-1)).toMatchObject({ status: 'I' });
});

test('one that was not declared SCROLL can go back until it has passed many rows', async () => {
  await rowsOf('begin');
  await rowsOf('declare c cursor for select g from generate_series(1, 20000) g');
  await rowsOf('move 9000 c');
  await rowsOf('move backward all c');
  await rowsOf('savepoint s');
  await rowsOf('move 11000 c');
  expect(errorIn(await run('fetch prior c'))).toBe('55000 cursor can only scan forward');
  await rowsOf('rollback');
});

test('a FETCH that is read in pieces has moved the cursor as a whole', async () => {
  await rowsOf('begin');
  await rowsOf(`declare c no scroll cursor for ${query} order by id`);
  await must(
    frontend.parse('f', 'fetch 4000 c'),
    frontend.bind({ statement: 'f', portal: 'f' }),
    frontend.execute('f', 10),
    frontend.sync(),
  );
  expect(await rowsOf('fetch 1 c')).toEqual([['4001', 'old']]);
  const pieces = await must(frontend.execute('f', 0), frontend.sync());
  expect([pieces.length, pieces[0]?.[0], pieces.at(-1)?.[0]]).toEqual([3990, '11', '4000']);
  // Closed before its end it still counts.
  await must(
    frontend.bind({ statement: 'f', portal: 'g' }),
    frontend.execute('g', 10),
    frontend.close('portal', 'g'),
    frontend.close('statement', 'f'),
    frontend.sync(),
  );
  expect(await rowsOf('fetch 1 c')).toEqual([]);
  await rowsOf('commit');
});

test('a cancelled statement leaves other cursors alone', async () => {
  await rowsOf('begin');
  await rowsOf(`declare c cursor for ${query} order by id`);
  await rowsOf('fetch 5 c');
  await rowsOf('savepoint s');
  await rowsOf("set local statement_timeout = '20ms'");
  expect(errorIn(await run('select pg_sleep(5)'))).toContain('57014');
  await rowsOf('rollback to s');
  expect(await rowsOf('fetch 1 c')).toEqual([['6', 'old']]);
  expect((await rowsOf('fetch all c')).length).toBe(rowCount - 6);
  await rowsOf('commit');
});

test('WHERE CURRENT OF changes rows of the user whose statement it is', async () => {
  await rowsOf('create user table mine (id int primary key, v text)');
  for (const user of ['ann', 'bob']) {
    await rowsOf(`set tide.user_id = '${user}'`);
    await rowsOf("insert into mine values (1, 'first'), (2, 'second')");
  }
  await rowsOf("set tide.user_id = 'ann'");
  await rowsOf('begin');
  await rowsOf('declare c cursor for select v from mine where id = 2');
  await rowsOf('fetch c');
  await rowsOf("set local tide.user_id = 'bob'");
  const tags = async (text: string): Promise<unknown> => (await run(text)).at(-2)?.['tag'];
  expect(await tags("update mine set v = 'bob’s' where current of c")).toBe('UPDATE 0');
  expect(await tags('delete from mine where current of c')).toBe('DELETE 0');
  await rowsOf("set local tide.user_id = 'ann'");
  expect(await tags("update mine set v = 'ann’s' where current of c")).toBe('UPDATE 1');
  await rowsOf('commit');
  await rowsOf("set tide.scope = 'all'");
  expect(await rowsOf('select _user_id, id, v from mine order by 1, 2')).toEqual([
    ['ann', '1', 'first'],
    ['ann', '2', 'ann’s'],
    ['bob', '1', 'first'],
    ['bob', '2', 'second'],
  ]);
  await rowsOf('reset tide.scope');
  await rowsOf('reset tide.user_id');
});
