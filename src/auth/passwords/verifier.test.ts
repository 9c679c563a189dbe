/** Verifiers against those that PostgreSQL makes, with its salts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterTemplate, openPglite } from '../../pglite/index.ts';
import type { PgliteHandle } from '../../pglite/index.ts';
import { leftToRight, prohibited, rightToLeft, unassigned } from './stringprep-tables.ts';
import type { CodePoints } from './stringprep-tables.ts';
import { isVerifier, scramVerifier, verifierOf } from './verifier.ts';

let postgres: PgliteHandle;
beforeAll(async () => {
  postgres = await openPglite({ name: 'postgres', templateTar: await clusterTemplate() });
});
afterAll(() => postgres.close());

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** What PostgreSQL keeps for each password; null: nothing. */
async function kept(
  passwords: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<(string | null)[]> {
  const { rows } = await postgres.query(
    [
      'begin',
      ...Object.entries(settings).map(([name, value]) => `set local ${name} = ${literal(value)}`),
      ...passwords.map((password, i) => `create role r${i} password ${literal(password)}`),
      `select rolpassword from pg_authid where rolname ~ '^r[0-9]+$' order by substr(rolname, 2)::int`,
    ].join(';\n'),
  );
  await postgres.query('rollback');
  return rows.map(([verifier]) => verifier ?? null);
}

/** Ours, with the salt and rounds of PostgreSQL's. */
async function same(password: string, theirs: string | null): Promise<string> {
  const [, iterations = '', salt = ''] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(theirs ?? '') ?? [];
  return scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations));
}

async function expectSame(passwords: readonly string[], iterations = '1'): Promise<void> {
  const theirs = await kept(passwords, { scram_iterations: iterations });
  const ours = await Promise.all(passwords.map((password, i) => same(password, theirs[i] ?? null)));
  const different = passwords.filter((_, i) => ours[i] !== theirs[i]);
  expect(different.map((password) => escape(password))).toEqual([]);
}

const escape = (text: string): string =>
  Array.from(text, (char) => `U+${char.codePointAt(0)!.toString(16)}`).join(' ');

describe('SCRAM-SHA-256', () => {
  test('plain passwords', async () => {
    await expectSame(['secret', "it's", ' ', 'a'.repeat(1000), 'tab\tand\nline'], '4096');
  });

  test('other rounds', async () => {
    await expectSame(['secret'], '1000');
    expect(
      await verifierOf('secret', 'r', {
        encryption: 'scram-sha-256',
        iterations: 7,
        random: (count) => new Uint8Array(count).fill(1),
      }),
    ).toMatch(/^SCRAM-SHA-256\$7:AQEBAQEBAQEBAQEBAQEBAQ==\$/);
  });

  test('too many rounds to be done beside other work', async () => {
    const rules = { encryption: 'scram-sha-256', iterations: 1_000_001 } as const;
    await expect(
      verifierOf('secret', 'r', { ...rules, random: (count) => new Uint8Array(count) }),
    ).rejects.toMatchObject({ code: '0A000' });
  });

  test('passwords beyond ASCII', async () => {
    await expectSame([
      'pässwörd',
      'pa\u0308sswo\u0308rd',
      'I\u00adX',
      '\u00aa',
      '\u2168',
      'a\u00a0b',
      'a\u200bb',
      '\u00ad',
      '\u00ad\u00ad',
      'x\u0007\u00e9',
      '\u0627\u0031',
      '\u0627\u0031\u0628',
      'ﷺ',
      '\u0627ﬁ\u0628',
      '😀ﬁ',
      'ﬁ',
      '한글',
      'ｆｕｌｌ',
      '\u1100\u1161\u11a8',
    ]);
  });

  /** Both sides of each end of each range. */
  const ends = (table: CodePoints): number[] => {
    const found = new Set<number>();
    for (let code = 1; code <= 0x10ffff; code++)
      if (table.has(code) !== table.has(code - 1)) found.add(code - 1).add(code);
    return [...found].filter((code) => code > 0x80 && (code < 0xd800 || code > 0xdfff));
  };

  // U+FB01 is another character in normal form: that it was left alone shows that SASLprep refused the password.
  test.each([
    ['prohibited', prohibited, (char: string) => `${char}\ufb01`],
    ['unassigned', unassigned, (char: string) => `\ufb01${char}`],
    ['right to left', rightToLeft, (char: string) => `${char}\u2460${char}`],
    ['left to right', leftToRight, (char: string) => `\u05d0\u2460${char}\u05d0`],
  ])('each end of a range of characters: %s', async (_, table, passwordWith) => {
    const passwords = ends(table).map((code) => passwordWith(String.fromCodePoint(code)));
    for (let from = 0; from < passwords.length; from += 200)
      await expectSame(passwords.slice(from, from + 200));
  });
});

describe('md5', () => {
  test('is what PostgreSQL keeps', async () => {
    const passwords = ['secret', 'pässwörd'];
    const rules = { encryption: 'md5', iterations: 1 } as const;
    const random = (count: number): Uint8Array => new Uint8Array(count);
    const theirs = await kept(passwords, { password_encryption: 'md5' });
    const ours = passwords.map((password, i) =>
      verifierOf(password, `r${i}`, { ...rules, random }),
    );
    expect(await Promise.all(ours)).toEqual(theirs);
  });
});

test('what PostgreSQL takes as a verifier', async () => {
  const sound = await scramVerifier('secret', Buffer.alloc(16, 7), 2);
  const [, salt = '', storedKey = '', serverKey = ''] = /:([^$]+)\$([^:]+):(.+)$/.exec(sound) ?? [];
  const texts = [
    sound,
    `$$${sound}`,
    `SCRAM-SHA-256$:2:${salt}$${storedKey}::${serverKey}`,
    `SCRAM-SHA-256$2::${salt}$$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$x:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$2 :${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$+2:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$2:${salt} $${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$99999999999:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$ 2:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$-2:${salt}$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$2:${salt}$${storedKey}:${serverKey.slice(0, -4)}`,
    `SCRAM-SHA-256$2:${salt}$${storedKey}:${serverKey} `,
    `SCRAM-SHA-256$2:${salt}$${storedKey}`,
    `SCRAM-SHA-256$2:!!!!$${storedKey}:${serverKey}`,
    `SCRAM-SHA-256$2:$${storedKey}:${serverKey}`,
    `scram-sha-256$2:${salt}$${storedKey}:${serverKey}`,
    ` ${sound}`,
    'md5' + '0'.repeat(32),
    'md5' + '0'.repeat(31),
    'md5' + 'A'.repeat(32),
    'MD5' + '0'.repeat(32),
    'md5' + 'g'.repeat(32),
  ];
  const theirs = await kept(texts);
  expect(texts.map(isVerifier)).toEqual(texts.map((text, i) => text === theirs[i]));
});
