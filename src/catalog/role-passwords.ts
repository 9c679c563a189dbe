/** Passwords of roles become verifiers before anything of their statement is written, or told to the mirror. */
import { verifierOf } from '../auth/passwords/index.ts';
import type { PasswordRules } from '../auth/passwords/index.ts';
import type { RandomBytes } from '../base/index.ts';
import type { DdlStatement, RoleNamed } from '../sql/index.ts';
import { parse, rolePasswords, withPasswords } from '../sql/index.ts';
import type { Storage } from '../storage/types.ts';
import type { CatalogState, JournalEntry } from './level-records.ts';
import { journalPrefix, keys } from './level-records.ts';

/** Boot value, guc_tables.c. */
const scramIterationsDefault = 4096;

type Settings = ReadonlyMap<string, string>;

function rulesOf(settings: Settings, random: RandomBytes): PasswordRules {
  return {
    encryption: settings.get('password_encryption') === 'md5' ? 'md5' : 'scram-sha-256',
    iterations: Number(settings.get('scram_iterations') ?? scramIterationsDefault),
    random,
  };
}

/** Who runs it is among the settings that PostgreSQL is given (pglite/session-settings.ts). */
function nameOf(role: RoleNamed, settings: Settings): string {
  if (typeof role === 'object') return role.name;
  const sessionUser = settings.get('session_authorization') ?? 'postgres';
  if (role === 'session user') return sessionUser;
  const current = settings.get('role') ?? 'none';
  return current === 'none' ? sessionUser : current;
}

/**
 * The same statement with verifiers in place of its passwords; itself when it has none.
 * @throws 0A000 as verifierOf
 */
export async function withVerifiers(
  statement: DdlStatement,
  settings: Settings,
  random: RandomBytes,
): Promise<DdlStatement> {
  const backslashes = settings.get('standard_conforming_strings') === 'off';
  const found = rolePasswords(statement, { backslashes });
  if (found === undefined) return statement;
  const role = nameOf(found.role, settings);
  const verifiers: string[] = [];
  for (const { value } of found.passwords) {
    verifiers.push(await verifierOf(value, role, rulesOf(settings, random)));
  }
  return withPasswords(statement, found.passwords, verifiers);
}

/** An entry that sets a password, as it is to be kept. */
async function entryWithVerifiers(
  entry: JournalEntry,
  random: RandomBytes,
): Promise<JournalEntry | undefined> {
  if (!/password/i.test(entry.sql)) return undefined;
  const [statement, ...more] = parse(entry.sql);
  if (statement?.class !== 'ddl' || more.length > 0) return undefined;
  if (rolePasswords(statement, { backslashes: false }) === undefined) return undefined;
  const { text } = await withVerifiers(statement, new Map(entry.settings), random);
  return { ...entry, sql: text };
}

/**
 * Makes verifiers of passwords that an older version has left in the journal, and has their clear text go from the hot store's
 * files. May be ended at any point and begins anew then: the state says that it is done after all else. Returns the state of now.
 */
export async function hideFormerPasswords(
  storage: Storage,
  state: CatalogState,
  random: RandomBytes,
): Promise<CatalogState> {
  if (state.passwords === 'verifiers') return state;
  const commit = async (records: readonly (readonly [string, object])[]): Promise<void> => {
    const transaction = storage.begin();
    for (const [key, record] of records)
      transaction.putMeta(key, Buffer.from(JSON.stringify(record)));
    await transaction.commit({ sync: true });
  };
  const entries: [key: string, entry: JournalEntry][] = [];
  for (const [key, bytes] of await storage.meta(journalPrefix)) {
    const former = JSON.parse(Buffer.from(bytes).toString()) as JournalEntry;
    const entry = await entryWithVerifiers(former, random);
    if (entry !== undefined) entries.push([key, entry]);
  }
  if (entries.length > 0) await storage.overwriteMeta(journalPrefix, () => commit(entries));
  const next: CatalogState = { ...state, passwords: 'verifiers' };
  await commit([[keys.state, next]]);
  return next;
}
