import { PGlite } from '@electric-sql/pglite';
import { parse } from 'libpg-query';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportOf } from '../../src/base/index.ts';
import type { CopyOptions } from '../../src/session/copy/options.ts';
import { readCopyOptions } from '../../src/session/copy/options.ts';

let postgres: PGlite;
beforeAll(async () => {
  postgres = await PGlite.create();
  await postgres.exec('create table t (a int, b text, c text)');
});
afterAll(() => postgres.close());

interface Told {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly position?: number | undefined;
}

async function read(sql: string): Promise<CopyOptions> {
  const node = (await parse(sql)).stmts?.[0]?.stmt;
  if (node === undefined || !('CopyStmt' in node)) throw new Error('no COPY');
  const { options, is_from: isFrom } = node.CopyStmt;
  return readCopyOptions(options ?? [], isFrom === true ? 'from' : 'to');
}

async function ours(sql: string): Promise<Told> {
  try {
    await read(sql);
    return {};
  } catch (error) {
    const { code, message, position } = reportOf(error);
    return { code, message, position };
  }
}

async function theirs(sql: string): Promise<Told> {
  try {
    await postgres.query(sql, [], { blob: new Blob(['']) });
    return {};
  } catch (error) {
    const { code, message, position } = error as Record<string, string | undefined>;
    return { code, message, position: position === undefined ? undefined : Number(position) };
  }
}

const from = "copy t from '/dev/blob'";
const to = "copy t to '/dev/blob'";

describe('option errors are those of PostgreSQL', () => {
  test.each([
    `${from} csv header`,
    `${from} with delimiter ',' null as 'x'`,
    `${from} with (format xml)`,
    `${from} with (format 'CSV')`,
    `${from} with (format)`,
    `${from} with (format csv, format csv)`,
    `${from} (nonsense 1)`,
    `${from} (delimiter)`,
    `${from} (delimiter '')`,
    `${from} (delimiter 'ab')`,
    `${from} (delimiter 'ü')`,
    `${from} (delimiter E'\\n')`,
    `${from} (delimiter 'a')`,
    `${from} (delimiter '\\')`,
    `${from} (format csv, delimiter 'a')`,
    `${from} (null E'a\\nb')`,
    `${from} (null E'a\\tb')`,
    `${from} (format csv, null '"')`,
    `${from} (default E'a\\r')`,
    `${from} (default '\\N')`,
    `${from} (default E'\\t')`,
    `${from} (format csv, default '"')`,
    `${to} (default 'x')`,
    `${from} (format binary, delimiter ',')`,
    `${from} (format binary, null '')`,
    `${from} (format binary, default '')`,
    `${to} (format binary, header)`,
    `${to} (format binary, header false)`,
    `${from} (header 2)`,
    `${from} (header 1)`,
    `${from} (header 0)`,
    `${from} (header maybe)`,
    `${from} (header off)`,
    `${from} (header 1.5)`,
    `${to} (header match)`,
    `${from} (quote '''')`,
    `${from} (format csv, quote 'ab')`,
    `${from} (format csv, quote ',')`,
    `${from} (escape '''')`,
    `${from} (format csv, escape 'ab')`,
    `${from} (format csv, escape '')`,
    `${to} (force_quote *)`,
    `${from} (format csv, force_quote *)`,
    `${to} (format csv, force_quote a)`,
    `${to} (format csv, force_quote (a, b))`,
    `${from} (force_not_null *)`,
    `${to} (format csv, force_not_null *)`,
    `${from} (force_null *)`,
    `${to} (format csv, force_null (a))`,
    `${from} (format csv, force_null 'a')`,
    `${from} (encoding 'nonsense')`,
    `${from} (encoding 'utf-8')`,
    `${from} (encoding)`,
    `${from} (on_error nonsense)`,
    `${from} (on_error IGNORE)`,
    `${from} (on_error)`,
    `${to} (on_error ignore)`,
    `${from} (format binary, on_error ignore)`,
    `${from} (log_verbosity nonsense)`,
    `${from} (log_verbosity VERBOSE)`,
    `${from} (log_verbosity)`,
    `${from} (reject_limit 1)`,
    `${from} (on_error ignore, reject_limit 0)`,
    `${from} (on_error ignore, reject_limit '-3')`,
    `${from} (on_error ignore, reject_limit 'x')`,
    `${from} (on_error ignore, reject_limit)`,
    `${from} (on_error ignore, reject_limit 99999999999999999999)`,
    `${to} (freeze)`,
    `${from} (freeze maybe)`,
    `${from} (freeze false)`,
  ])('%s', async (sql) => {
    expect(await ours(sql)).toEqual(await theirs(sql));
  });
});

test('what pgtide leaves out says so', async () => {
  expect(await ours(`${from} (encoding 'latin1')`)).toMatchObject({ code: '0A000' });
});

test('old and new syntax give the same options', async () => {
  const options = await read(`${from} (format csv, header, delimiter ';', force_null (a, b))`);
  expect(options).toEqual(await read(`${from} with delimiter ';' csv header force null a, b`));
  expect(options).toMatchObject({ format: 'csv', header: true, null: '', quote: '"', escape: '"' });
  expect(await read(from)).toMatchObject({ format: 'text', delimiter: '\t', null: '\\N' });
  expect(await read("copy binary t from '/dev/blob'")).toMatchObject({ format: 'binary' });
});
