/** Everything in the hot store but rows and index entries. */
import { readBloom } from '../cold/bloom.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { decodeManifestEntry } from '../cold/manifest.ts';
import { Keyspace, fileKey, inKeyspace, stateKey, tablePrefixBytes } from '../keys/keyspace.ts';
import type { BulkRecord, ScopeRecord, TableRecord } from '../records.ts';
import { decodeRecord } from '../records.ts';
import { markKeyValues } from '../tiered/marks.ts';
import type { Check, TableCheck } from './check.ts';
import { eachEntry, keyHex, tableOf, userIn } from './check.ts';
import { textOf } from './findings.ts';

const known: ReadonlySet<number> = new Set(Object.values(Keyspace));

/** Keys of no kind that there is. Must come first: it goes over all that lies between the kinds. */
export async function checkKinds(check: Check): Promise<void> {
  for (let first = 0; first < 0xfe; first++) {
    if (known.has(first)) continue;
    await eachEntry(check, Buffer.from([first]), (key) =>
      check.findings.add('orphan', 'hot store', `key ${keyHex(key)} is of no known kind`),
    );
  }
}

/** Decodes a record, or tells that it is damaged. */
function decoded<T extends object>(check: Check, value: Buffer, what: string): T | undefined {
  try {
    return decodeRecord<T>(value, what);
  } catch (error) {
    check.findings.add('damaged', what, textOf(error));
    return undefined;
  }
}

export async function checkState(check: Check): Promise<void> {
  await eachEntry(check, stateKey, (key, value) => {
    if (!key.equals(stateKey)) {
      check.findings.add('orphan', 'hot store', `key ${keyHex(key)} is of no known kind`);
      return;
    }
    check.seq = decoded<{ readonly seq: number }>(check, value, "the storage's counters")?.seq;
  });
  if (check.seq === undefined && check.keys > 0)
    check.findings.add('missing', "the storage's counters", 'they are not there, or not readable');
}

export async function checkBulks(check: Check): Promise<void> {
  await eachEntry(check, Buffer.from([Keyspace.bulk]), (key, value) => {
    const id = key.length === 7 ? key.readUIntBE(1, 6) : 0;
    const what = `the record of bulk transaction ${id}`;
    const record = decoded<BulkRecord>(check, value, what);
    if (record === undefined) return;
    check.bulks.set(id, record);
    if (record.committed !== null) return;
    check.findings.add('leftover', what, 'it was not committed; the next start removes its rows');
    for (const tableId of record.tables) if (!check.tables.has(tableId)) check.passing.add(tableId);
  });
}

export async function checkTableRecords(check: Check): Promise<void> {
  await eachEntry(check, Buffer.from([Keyspace.table]), (key, value) => {
    const of = tableOf(check, key, 'a record');
    if (of === undefined) return;
    const record = decoded<TableRecord>(check, value, `the record of table ${of.name}`);
    if (record === undefined) of.incomplete = true;
    else of.record = record;
  });
  await eachEntry(check, Buffer.from([Keyspace.scope]), (key, value) => {
    const of = tableOf(check, key, 'the record of a user');
    if (of === undefined) return;
    const userId = userIn(key);
    const what = `the record of user "${userId ?? '?'}" of table ${of.name}`;
    if (userId === undefined) {
      check.findings.add('damaged', what, `key ${keyHex(key)} is not readable`);
      return;
    }
    const record = decoded<ScopeRecord>(check, value, what);
    if (record === undefined) {
      of.incomplete = true;
      return;
    }
    of.scopes.set(userId, record);
    if (check.seq !== undefined && record.watermark > check.seq)
      check.findings.add(
        'mismatch',
        what,
        `its watermark ${record.watermark} is beyond the last commit ${check.seq}`,
      );
  });
}

/** What lies where a table that is being removed has its files is no orphan. */
function notePassing({ passingFiles, places }: Check, value: Buffer): void {
  try {
    passingFiles.add(places.path(decodeManifestEntry(value, 'a manifest entry')));
  } catch {
    // The table's finding says enough.
  }
}

export async function checkManifest(check: Check): Promise<void> {
  await eachEntry(check, Buffer.from([Keyspace.manifest]), (key, value) => {
    const of = tableOf(check, key, 'a manifest entry');
    if (of === undefined) return notePassing(check, value);
    let entry: ManifestEntry;
    try {
      entry = decodeManifestEntry(value, 'a manifest entry');
    } catch (error) {
      check.findings.add('damaged', of.name, `${textOf(error)}; its key is ${keyHex(key)}`);
      of.incomplete = true;
      return;
    }
    const { tableId, userId, fileId } = entry;
    if (!fileKey(Keyspace.manifest, tableId, userId, fileId).equals(key))
      check.findings.add(
        'mismatch',
        of.name,
        `the manifest entry of file "${entry.path}" has another's key`,
      );
    of.files.push(entry);
  });
  await eachEntry(check, Buffer.from([Keyspace.bloom]), (key, value) => {
    const of = tableOf(check, key, 'a key filter');
    if (of === undefined) return;
    const entry = of.files.find(({ tableId, userId, fileId }) =>
      fileKey(Keyspace.bloom, tableId, userId, fileId).equals(key),
    );
    if (entry === undefined) {
      check.findings.add('orphan', of.name, `key filter ${keyHex(key)} belongs to no file`);
      return;
    }
    try {
      readBloom(value, entry.path);
    } catch (error) {
      check.findings.add('damaged', of.name, textOf(error));
    }
  });
}

export async function checkMarks(check: Check): Promise<void> {
  await eachEntry(check, Buffer.from([Keyspace.marks]), (key, value) => {
    const of = tableOf(check, key, 'a mark');
    if (of === undefined) return;
    of.marks++;
    const tell = (message: string): void =>
      check.findings.add(
        'damaged',
        of.name,
        `the mark of row ${keyHex(key.subarray(tablePrefixBytes))} ${message}`,
      );
    const userId = userIn(key);
    if (userId === undefined || value.length < 6) return tell('is not readable');
    if (check.seq !== undefined && value.readUIntLE(0, 6) > check.seq)
      tell(`is of commit ${value.readUIntLE(0, 6)}, which has not been`);
    try {
      if (!markNames(of, userId, key, value)) tell('names another row');
    } catch {
      tell('is not readable');
    }
  });
}

function markNames(
  { table, runtime }: TableCheck,
  userId: string,
  key: Buffer,
  mark: Buffer,
): boolean {
  const values = markKeyValues(table, mark);
  const full = runtime.hiddenKey
    ? runtime.keyOfRowId(userId, 0n, Number(values[0] as bigint))
    : runtime.keyOfValues(userId, values);
  return inKeyspace(Keyspace.marks, table.tableId, full.subarray(tablePrefixBytes)).equals(key);
}

export async function checkSequences(check: Check, sequences: ReadonlySet<number>): Promise<void> {
  const found = new Set<number>();
  await eachEntry(check, Buffer.from([Keyspace.sequences]), (key, value) => {
    const id = key.length === tablePrefixBytes ? key.readUInt32BE(1) : -1;
    found.add(id);
    decoded<object>(check, value, `sequence ${id}`);
    if (!sequences.has(id))
      check.findings.add('orphan', `sequence ${id}`, 'the catalog has no such sequence');
  });
  for (const id of sequences)
    if (!found.has(id))
      check.findings.add(
        'missing',
        `sequence ${id}`,
        'the catalog has it, but its position is not there',
      );
}
