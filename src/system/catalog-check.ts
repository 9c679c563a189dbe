/** What the layers above storage keep in the hot store, checked entry by entry: the catalog, jobs, the audit log. */
import { auditKeyPrefix, decodeEntry } from '../audit/record.ts';
import { decodeTable } from '../catalog/codec.ts';
import type { JournalEntry, SequenceRecord } from '../catalog/level-records.ts';
import { keys } from '../catalog/level-records.ts';
import { hasEnded } from '../jobs/history.ts';
import { decodeJob, jobKeyPrefix } from '../jobs/record.ts';
import type { JobRecord } from '../jobs/index.ts';
import type { CatalogCheck, Finding, FindingKind, StoredTable } from '../storage/types.ts';

/** Of a key made for id 0. */
const prefixOf = (key: string): string => key.replace(/0+$/, '');
const tablePrefix = prefixOf(keys.table(0));
const sequencePrefix = prefixOf(keys.sequence(0));
const tablespacePrefix = prefixOf(keys.tablespace(0));
const journalPrefix = prefixOf(keys.journal(0));

interface Reading {
  readonly tables: StoredTable[];
  readonly passing: number[];
  readonly sequences: number[];
  readonly journal: number[];
  nextJournal: number | undefined;
  readonly tell: (kind: FindingKind, subject: string, message: string) => void;
}

type Reader = (reading: Reading, key: string, value: Buffer) => void;

const json = <T>(value: Buffer): T => JSON.parse(value.toString('utf8')) as T;
const idIn = (key: string, prefix: string): number => Number(key.slice(prefix.length));

/** The jobs by which tables are made and removed: their keys are there without a table of the catalog. */
function passingOf({ jobType, params, tableId }: JobRecord): number[] {
  if (jobType !== 'drop' && jobType !== 'rewrite') return [];
  const named = params as { readonly tableId?: unknown } | null;
  return [tableId, named?.tableId].filter((id) => typeof id === 'number');
}

const readers: Readonly<Record<string, Reader>> = {
  [keys.state](reading, key, value) {
    const { version, nextId, nextJournal } = json<Record<string, unknown>>(value);
    if (![version, nextId, nextJournal].every(Number.isSafeInteger))
      reading.tell('damaged', key, 'it has no version or counters');
    reading.nextJournal = Number(nextJournal);
  },
  [tablePrefix](reading, key, value) {
    const id = idIn(key, tablePrefix);
    try {
      const { stored } = decodeTable(value);
      reading.tables.push(stored);
      if (stored.tableId !== id)
        reading.tell('mismatch', key, `it is the entry of table ${stored.tableId}`);
    } catch (error) {
      // Its rows are not orphans: there is a table.
      reading.passing.push(id);
      throw error;
    }
  },
  [sequencePrefix](reading, key, value) {
    const { sequenceId } = json<SequenceRecord>(value);
    reading.sequences.push(sequenceId);
    if (sequenceId !== idIn(key, sequencePrefix))
      reading.tell('mismatch', key, `it is the entry of sequence ${sequenceId}`);
  },
  [tablespacePrefix](_reading, _key, value) {
    json(value);
  },
  [journalPrefix](reading, key, value) {
    const entry = json<JournalEntry>(value);
    if (typeof entry.sql !== 'string') reading.tell('damaged', key, 'it has no statement');
    reading.journal.push(idIn(key, journalPrefix));
  },
  [jobKeyPrefix](reading, key, value) {
    const job = decodeJob(key, value);
    if (!hasEnded(job)) reading.passing.push(...passingOf(job));
  },
  [auditKeyPrefix](_reading, key, value) {
    decodeEntry(key, value);
  },
  'location/'(_reading, _key, value) {
    json(value);
  },
  'erase/'(_reading, _key, value) {
    json(value);
  },
};

/** Reads the meta entries of a data folder. */
export function readCatalog(entries: readonly (readonly [string, Buffer])[]): CatalogCheck {
  const findings: Finding[] = [];
  const reading: Reading = {
    tables: [],
    passing: [],
    sequences: [],
    journal: [],
    nextJournal: undefined,
    tell: (kind, subject, message) => void findings.push({ kind, subject, message }),
  };
  for (const [key, value] of entries) {
    const reader = Object.entries(readers).find(([prefix]) => key.startsWith(prefix))?.[1];
    if (reader === undefined) {
      reading.tell('orphan', key, 'it is of no known kind');
      continue;
    }
    try {
      reader(reading, key, value);
    } catch (error) {
      reading.tell('damaged', key, error instanceof Error ? error.message : String(error));
    }
  }
  const { nextJournal, journal } = reading;
  if (nextJournal === undefined && entries.some(([key]) => key.startsWith('catalog/')))
    reading.tell('missing', keys.state, 'the catalog has entries, but not this');
  // The mirror is made again by running them one after the other.
  const last = journal.at(-1) ?? 0;
  const gap = journal.find((n, i) => n !== (journal[0] ?? 0) + i);
  if (gap !== undefined) reading.tell('missing', keys.journal(gap - 1), 'the journal has a gap');
  if (nextJournal !== undefined && journal.length > 0 && last !== nextJournal - 1)
    reading.tell('missing', keys.journal(nextJournal - 1), 'the end of the journal is not there');
  const { tables, passing, sequences } = reading;
  return { tables, passing, sequences, findings };
}
