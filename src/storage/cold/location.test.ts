import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { folderPattern, isWithin, overlaps, parseLocation, renderFolder } from './location.ts';
import { encodeName } from './paths.ts';

/** Of this run; PGTIDE_TEST_SEED repeats another. */
const seed = Number(process.env['PGTIDE_TEST_SEED'] ?? Date.now() % 1_000_000);

/** What PostgreSQL's text can hold: no NUL, no half of a surrogate pair. Names that hurt come often. */
const name = fc
  .oneof(
    { arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }), weight: 3 },
    {
      arbitrary: fc.constantFrom(
        '.',
        '..',
        '../x',
        'a/b',
        '/',
        '\\',
        'CON',
        'con',
        'nul.txt',
        ' ',
        'a\nb',
        '%',
        '%%',
        '%61',
        'A',
        'a',
        'é',
        'e\u0301',
        'ſ',
        's',
        'K',
        '🙂'.repeat(64),
        'x'.repeat(256),
        '${table}',
        "'",
      ),
      weight: 1,
    },
  )
  .filter((text) => !text.includes('\0') && text.isWellFormed());

const insensitive = (path: string): string => path.normalize('NFKC').toLowerCase();

describe(`names as folders, seed ${seed}`, () => {
  test('different names stay apart, whatever the file system takes for the same', () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one !== other);
        expect(insensitive(encodeName(one, 'u-'))).not.toBe(insensitive(encodeName(other, 'u-')));
      }),
      { seed, numRuns: 2000 },
    );
  });

  test('a name is one harmless folder name, and stays what it is', () => {
    fc.assert(
      fc.property(name, (text) => {
        const folder = encodeName(text, 'u-');
        expect(folder).toMatch(/^u-[a-z0-9_%-]+$/);
        expect(Buffer.byteLength(folder)).toBeLessThanOrEqual(255);
        expect(encodeName(text, 'u-')).toBe(folder);
      }),
      { seed, numRuns: 2000 },
    );
  });

  test('a rendered location is within its root, its folders are recognised', () => {
    const folder = fc.constantFrom(
      '${namespace}',
      '${table}',
      '${user_id}',
      'fixed',
      'u_${user_id}',
      't.${table}+',
      'a b',
    );
    fc.assert(
      fc.property(
        fc.array(folder, { maxLength: 4 }),
        fc.record({ namespace: name, table: name, userId: fc.option(name, { nil: undefined }) }),
        (folders, names) => {
          const { root, folders: read } = parseLocation(`/mnt/a/${folders.join('/')}`);
          const path = renderFolder(read, { ...names, tableId: 7 });
          const parts = path.split('/').filter((part) => part !== '');
          expect(parts.some((part) => part === '.' || part === '..')).toBe(false);
          expect(isWithin(`${root}/${path}`.replace(/\/$/, ''), '/mnt/a')).toBe(true);
          const expected = read.filter(
            (one) => names.userId !== undefined || !one.includes('${user_id}'),
          );
          expect(parts.length).toBe(expected.length);
          for (const [i, part] of parts.entries()) {
            expect(folderPattern(expected[i]!).matches(part)).toBe(true);
            expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
          }
        },
      ),
      { seed, numRuns: 1000 },
    );
  });
});

describe('locations', () => {
  test.each([
    ['/mnt/a', '/mnt/a', ['${user_id}']],
    ['file:///mnt/a/', '/mnt/a', ['${user_id}']],
    ['FILE://localhost/mnt//./a', '/mnt/a', ['${user_id}']],
    [
      'file:///mnt/a/${namespace}/${table}/${user_id}/',
      '/mnt/a',
      ['${namespace}', '${table}', '${user_id}'],
    ],
    ['/mnt/${user_id}/fixed/t-${table}', '/mnt', ['${user_id}', 'fixed', 't-${table}']],
    ['/mnt/a%20b/$x/${table}', '/mnt/a%20b/$x', ['${table}', '${user_id}']],
  ])('%s', (location, root, folders) => {
    expect(parseLocation(location)).toEqual({ root, folders });
  });

  test.each([
    ['', '42P17', 'tablespace location must be an absolute path'],
    ['mnt/a', '42P17', 'tablespace location must be an absolute path'],
    ['${table}/a', '42P17', 'tablespace location must be an absolute path'],
    ["/mnt/o'x", '42602', 'tablespace location cannot contain single quotes'],
    ['s3://bucket/x', '0A000', 'a tablespace location of scheme "s3" is not supported'],
    ['file://host/x', '0A000', 'a tablespace location on host "host" is not supported'],
    ['/mnt/../etc', '42P17', 'tablespace location must not contain ".."'],
    ['/mnt/${table}/..', '42P17', 'tablespace location must not contain ".."'],
    ['/mnt/${user}', '22023', 'unknown placeholder "${user}" in tablespace location'],
    ['/mnt/${}', '22023', 'unknown placeholder "${}" in tablespace location'],
    ['/mnt/${table', '22023', 'unknown placeholder "${table" in tablespace location'],
    [
      '/mnt/${namespace}-${user_id}',
      '42P17',
      'folder "${namespace}-${user_id}" of a tablespace location has more than one placeholder',
    ],
    [
      `/mnt/${'x'.repeat(101)}\${table}`,
      '42P17',
      `folder name "${'x'.repeat(101)}\${table}" of a tablespace location is too long`,
    ],
    [`/${'x/'.repeat(600)}`, '42P17', `tablespace location "/${'x/'.repeat(600)}" is too long`],
  ])('%s is refused', (location, code, message) => {
    expect(() => parseLocation(location)).toThrow(expect.objectContaining({ code, message }));
  });

  test('overlap is by folders, not by letters', () => {
    expect(overlaps('/mnt/a', '/mnt/a')).toBe(true);
    expect(overlaps('/mnt/a', '/mnt/a/b')).toBe(true);
    expect(overlaps('/mnt/a/b', '/mnt/a')).toBe(true);
    expect(overlaps('/', '/mnt')).toBe(true);
    expect(overlaps('/mnt/a', '/mnt/ab')).toBe(false);
  });
});
