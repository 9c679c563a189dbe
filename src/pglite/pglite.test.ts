import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import {
  backendMessages,
  clusterTemplate,
  describeStatementMessage,
  openPglite,
  parseMessage,
  PgliteDirectoryError,
  readParameterDescription,
  readRowDescription,
  syncMessage,
} from './index.ts';
import type { PgliteHandle } from './index.ts';
import { queryMessage } from './frontend-messages.ts';
import { settingStatements, splitIdentifiers } from './session-settings.ts';

let template: string;
let handle: PgliteHandle;
let directory: string;

beforeAll(async () => {
  template = await clusterTemplate();
  handle = await openPglite({ name: 'analyzer', templateTar: template });
  directory = mkdtempSync(join(tmpdir(), 'pgtide-pglite-'));
});

afterAll(async () => {
  await handle.close();
  rmSync(directory, { recursive: true, force: true });
});

const settings = (entries: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(entries));

async function errorFrom(promise: Promise<unknown>): Promise<PgError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('queries', () => {
  test('text in, text out, nulls kept', async () => {
    const result = await handle.query("select $1::int + 1 as n, $2::text as t, 'é' as u", [
      '41',
      null,
    ]);
    expect(result.rows).toEqual([['42', null, 'é']]);
    expect(result.fields.map((field) => [field.name, field.typeOid])).toEqual([
      ['n', 23],
      ['t', 25],
      ['u', 25],
    ]);
    expect(result.command).toBe('SELECT 1');
  });

  test('several statements give the last one’s rows', async () => {
    const result = await handle.query('select 1; select 2 as two');
    expect(result.rows).toEqual([['2']]);
  });

  test('errors carry every field', async () => {
    const error = await errorFrom(handle.query('select nope from pg_class'));
    expect(error.report).toMatchObject({
      severity: 'ERROR',
      code: '42703',
      message: 'column "nope" does not exist',
      position: 8,
    });
  });

  test('notices are reported, the log is not', async () => {
    const result = await handle.query('drop table if exists nothing_here');
    expect(result.notices.map((notice) => notice.message)).toEqual([
      'table "nothing_here" does not exist, skipping',
    ]);
  });

  test('endless recursion is an error like any other', async () => {
    const body = "'begin return deeper(n + 1); end'";
    await handle.query(`create function deeper(n int) returns int language plpgsql as ${body}`);
    expect((await errorFrom(handle.query('select deeper(1)'))).code).toBe('54001');
    expect((await errorFrom(handle.query(`select ${'1+'.repeat(20_000)}1`))).code).toBe('54001');
    expect((await handle.query('select 1')).rows).toEqual([['1']]);
    expect(handle.restarts).toBe(0);
  });

  test('a NUL byte is refused before it is sent', async () => {
    expect((await errorFrom(handle.query('select \0'))).code).toBe('22021');
  });

  test('the raw protocol', async () => {
    const response = await handle.protocol(
      Buffer.concat([
        parseMessage('select $1 + 1 as n'),
        describeStatementMessage(),
        syncMessage(),
      ]),
    );
    const messages = [...backendMessages(response)];
    expect(messages.map((message) => message.tag).join('')).toBe('1tTZ');
    expect(readParameterDescription(messages[1]!.body)).toEqual([23]);
    expect(readRowDescription(messages[2]!.body)[0]).toMatchObject({
      name: 'n',
      typeOid: 23,
      typeSize: 4,
    });
  });

  test('requests are answered in order', async () => {
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { rows } = await handle.query(`select ${i}`);
        order.push(Number(rows[0]![0]));
      }),
    );
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test('text sorts by code point', async () => {
    const { rows } = await handle.query(
      "select x from unnest(array['b','ä','B','a']) x order by x",
    );
    expect(rows.flat()).toEqual(['B', 'a', 'b', 'ä']);
  });
});

describe('settings', () => {
  const show = async (names: readonly string[], wanted: Map<string, string>): Promise<unknown> => {
    const list = names.map((name) => `current_setting('${name}')`).join(', ');
    return (await handle.query(`select ${list}`, undefined, wanted)).rows[0];
  };

  test('only the difference is applied', async () => {
    expect(
      await show(
        ['timezone', 'search_path'],
        settings({ timezone: 'Asia/Tokyo', search_path: '"A b", x' }),
      ),
    ).toEqual(['Asia/Tokyo', '"A b", x']);
    expect(await show(['timezone', 'search_path'], settings({ timezone: 'Asia/Tokyo' }))).toEqual([
      'Asia/Tokyo',
      '"$user", public',
    ]);
    expect(await show(['timezone', 'datestyle'], settings({ datestyle: 'German, DMY' }))).toEqual([
      'UTC',
      'German, DMY',
    ]);
    expect(await show(['tide.user_id'], settings({ 'tide.user_id': "o'brien\\" }))).toEqual([
      "o'brien\\",
    ]);
  });

  test('the role of a session, then of another', async () => {
    await handle.query(
      'create role bob; create role team; grant team to bob',
      undefined,
      settings({}),
    );
    const who = async (wanted: Map<string, string>): Promise<unknown> =>
      (await handle.query('select current_user, session_user', undefined, wanted)).rows[0];
    expect(await who(settings({ session_authorization: 'bob' }))).toEqual(['bob', 'bob']);
    expect(await who(settings({ session_authorization: 'bob', role: 'team' }))).toEqual([
      'team',
      'bob',
    ]);
    expect(await who(settings({ role: 'bob', timezone: 'UTC' }))).toEqual(['bob', 'postgres']);
    expect(await who(settings({}))).toEqual(['postgres', 'postgres']);
  });

  test('a setting that fails is the request’s error, and the next request is right again', async () => {
    const error = await errorFrom(
      handle.query('select 1', undefined, settings({ timezone: 'Mars' })),
    );
    expect(error.code).toBe('22023');
    expect(await show(['timezone'], settings({ timezone: 'Europe/Rome' }))).toEqual([
      'Europe/Rome',
    ]);
  });

  test('ROLLBACK takes settings back, and the next request notices', async () => {
    await handle.query('begin', undefined, settings({}));
    expect(handle.transactionStatus).toBe('T');
    expect(await show(['timezone'], settings({ timezone: 'Europe/Rome' }))).toEqual([
      'Europe/Rome',
    ]);
    await errorFrom(handle.query('select 1/0', undefined, settings({ timezone: 'Europe/Rome' })));
    expect(handle.transactionStatus).toBe('E');
    await handle.query('rollback', undefined, settings({ timezone: 'Europe/Rome' }));
    expect(await show(['timezone'], settings({ timezone: 'Europe/Rome' }))).toEqual([
      'Europe/Rome',
    ]);
  });

  test('equal settings need no statement', () => {
    const one = settings({ timezone: 'UTC', role: 'bob' });
    expect(settingStatements(one, settings({ role: 'bob', timezone: 'UTC' }))).toBeUndefined();
    expect(settingStatements(undefined, settings({}))).toContain('RESET ALL');
  });

  test('identifier lists', () => {
    expect(splitIdentifiers('"$user", Public,"a""b, c"')).toEqual(['$user', 'public', 'a"b, c']);
    expect(splitIdentifiers('')).toEqual(['']);
  });
});

describe('lifecycle', () => {
  test('a directory keeps what is in it', async () => {
    const dataDir = join(directory, 'kept');
    const first = await openPglite({ name: 'analyzer', dataDir, templateTar: template });
    expect(first.fresh).toBe(true);
    await first.query('create table t as select 7 as a');
    await first.close();
    expect((await errorFrom(first.query('select 1'))).code).toBe('57P01');
    const second = await openPglite({ name: 'analyzer', dataDir });
    expect([second.fresh, second.cleanStart]).toEqual([false, true]);
    expect((await second.query('select a from t')).rows).toEqual([['7']]);
    await second.close();
  });

  test('foreign and broken directories are told apart from good ones', async () => {
    const foreign = join(directory, 'foreign');
    cpSync(join(directory, 'kept'), foreign, { recursive: true });
    rmSync(join(foreign, 'pgtide-cluster.json'));
    await expect(openPglite({ name: 'analyzer', dataDir: foreign })).rejects.toMatchObject({
      name: 'PgliteDirectoryError',
      reason: 'foreign',
    });
    const broken = join(directory, 'broken');
    cpSync(join(directory, 'kept'), broken, { recursive: true });
    rmSync(join(broken, 'global', 'pg_control'));
    await expect(openPglite({ name: 'analyzer', dataDir: broken })).rejects.toBeInstanceOf(
      PgliteDirectoryError,
    );
    writeFileSync(join(broken, 'PG_VERSION'), '9.6\n');
    await expect(openPglite({ name: 'analyzer', dataDir: broken })).rejects.toMatchObject({
      reason: 'broken',
    });
  });

  test('when the worker dies only the statement in flight fails', async () => {
    const dataDir = join(directory, 'dies');
    const reasons: string[] = [];
    const dying = await openPglite({
      name: 'analyzer',
      dataDir,
      templateTar: template,
      onRestart: async (session, reason) => {
        reasons.push(reason);
        await session.query('create temp table restored as select 1 as a');
      },
    });
    await dying.query('create table t as select 7 as a');
    const running = dying.query('select count(*) from generate_series(1, 100000000)');
    const waiting = dying.query('select a from t');
    const restored = dying.query('select a from restored');
    setTimeout(
      () => dying.interrupt(new PgError('57014', 'canceling statement due to user request')),
      50,
    );
    expect((await errorFrom(running)).code).toBe('57014');
    expect((await waiting).rows).toEqual([['7']]);
    expect((await restored).rows).toEqual([['1']]);
    expect(dying.restarts).toBe(1);
    expect(reasons).toHaveLength(1);
    // What PGlite itself cannot survive (here: its input ends) is no different.
    const fatal = await errorFrom(dying.query('copy t from stdin'));
    expect([fatal.code, fatal.message]).toEqual(['XX000', 'the analyzer was restarted']);
    expect((await dying.query('select a from t')).rows).toEqual([['7']]);
    expect(dying.restarts).toBe(2);
    await dying.close();
    expect(existsSync(join(dataDir, 'pgtide-cluster.json'))).toBe(true);
  });

  test('giving a request up touches no other: a waiting one leaves the queue, a running one is ended', async () => {
    const shared = await openPglite({ name: 'fallback', templateTar: template });
    const select = (sql: string, signal?: AbortSignal): Promise<Uint8Array> =>
      shared.protocol(queryMessage(sql), undefined, signal);
    const canceled = new PgError('57014', 'canceling statement due to user request');
    const [waits, runs] = [new AbortController(), new AbortController()];
    const first = select('select count(*) from generate_series(1, 300000)');
    const second = select('select 2', waits.signal);
    const third = select('select 3');
    waits.abort(canceled);
    expect(await errorFrom(second)).toBe(canceled);
    await Promise.all([first, third]);
    expect(shared.restarts).toBe(0);
    const long = select('select count(*) from generate_series(1, 1000000000)', runs.signal);
    const fourth = select('select 4');
    setTimeout(() => runs.abort(canceled), 50);
    expect((await errorFrom(long)).code).toBe('57014');
    await fourth;
    expect(shared.restarts).toBe(1);
    expect(await errorFrom(select('select 5', runs.signal))).toBe(canceled);
    await shared.close();
  });
});
