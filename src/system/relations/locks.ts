import type { LockStatus } from '../../locks/index.ts';
import { lockedTable } from '../../storage/index.ts';
import type { Row } from '../../types/value.ts';
import type { SystemRelation } from '../types.ts';

/** Locks that one session has, or waits for, of one kind, table and mode. */
interface Group {
  readonly status: LockStatus;
  readonly tableId: number | undefined;
  locks: number;
}

/** Row locks may be a million, and their names are rows' keys: they are counted. */
function grouped(statuses: readonly LockStatus[]): Group[] {
  const groups = new Map<string, Group>();
  for (const status of statuses) {
    const { space, name, mode, processId, granted } = status;
    const tableId = lockedTable(status);
    const key = [processId, space, tableId ?? name, mode, granted].join('\n');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { status, tableId, locks: 1 });
    else group.locks++;
  }
  return [...groups.values()];
}

export const locks: SystemRelation = {
  name: 'locks',
  comment:
    'Locks that are held or waited for, those on rows as a number: of the own role’s sessions, or all for superusers and pg_monitor.',
  columns: [
    ['process_id', 'integer'],
    ['kind', 'text'],
    ['namespace', 'text'],
    ['table_name', 'text'],
    ['advisory_key', 'text'],
    ['mode', 'text'],
    ['granted', 'boolean'],
    ['locks', 'bigint'],
    ['waits_for', 'integer[]'],
  ],
  rows({ viewer, tables }, { storage, sessions }) {
    const own = new Set(
      sessions
        .list()
        .filter((session) => session.user === viewer.role)
        .map((session) => session.processId),
    );
    const named = new Map(tables.map(({ stored }) => [stored.tableId, stored]));
    return grouped(storage.locks.status())
      .filter(({ status }) => viewer.seesAll || own.has(status.processId))
      .toSorted((a, b) => a.status.processId - b.status.processId)
      .map(({ status, tableId, locks: count }): Row => {
        const table = tableId === undefined ? undefined : named.get(tableId);
        const elements = status.granted ? [] : storage.locks.blocking(status.processId);
        const dims = elements.length === 0 ? [] : [elements.length];
        return [
          status.processId,
          status.space,
          table?.namespace ?? null,
          table?.name ?? null,
          // One role may serve many users; what one of them locks may be made of that user's data.
          viewer.seesAll && status.space === 'advisory' ? status.name : null,
          status.mode,
          status.granted,
          viewer.seesAll || status.space !== 'row' ? BigInt(count) : null,
          { kind: 'array', elements, dims, lowerBounds: dims.map(() => 1) },
        ];
      });
  },
};
