/** What is in the mirror besides the users' objects: how it is filled, and the stamp that says which version it holds. */
import type { JournalEntry } from './level-records.ts';
import type { MirrorConnection } from './mirror.ts';
import type { MirrorSetup } from './setup.ts';

export const noSettings: ReadonlyMap<string, string> = new Map();

export function stampSql(setup: MirrorSetup, version: number): string {
  return `update tide.mirror_stamp set version = ${version}; comment on table tide.mirror_stamp is '${setup.fingerprint}'`;
}

/** Whether the mirror holds this version, set up as this server would. */
export async function mirrorFits(
  mirror: MirrorConnection,
  setup: MirrorSetup,
  version: number,
): Promise<boolean> {
  try {
    const [row] = await mirror.rows(
      `select version::text, obj_description('tide.mirror_stamp'::regclass) from tide.mirror_stamp`,
    );
    return row?.[0] === String(version) && row[1] === setup.fingerprint;
  } catch {
    return false;
  }
}

/** Makes an empty PGlite the mirror of `version`. */
export async function fillMirror(
  mirror: MirrorConnection,
  setup: MirrorSetup,
  journal: readonly JournalEntry[],
  version: number,
): Promise<void> {
  for (const statement of setup.statements) await mirror.exec(statement, noSettings);
  for (const entry of journal) await mirror.exec(entry.sql, new Map(entry.settings));
  await mirror.exec(stampSql(setup, version), noSettings);
}

/** Runs a transaction's statements again, in one round trip as long as their settings stay the same. */
export async function replay(
  mirror: MirrorConnection,
  entries: readonly JournalEntry[],
): Promise<void> {
  for (let from = 0; from < entries.length;) {
    const settings = JSON.stringify(entries[from]!.settings);
    let to = from + 1;
    while (to < entries.length && JSON.stringify(entries[to]!.settings) === settings) to++;
    const group = entries.slice(from, to);
    // A comment at the end of a statement must not swallow the next.
    await mirror.exec(group.map(({ sql }) => `${sql}\n;`).join(''), new Map(group[0]!.settings));
    from = to;
  }
}
