import { afterEach, beforeEach, expect, test } from 'vitest';
import { testFolder } from '../storage/testing-folder.ts';
import type { TestFolder } from '../storage/testing-folder.ts';
import type { Storage } from '../storage/types.ts';
import { blankEvent, deniedBurstMax, openAudit } from './index.ts';
import type { Audit, AuditEvent } from './index.ts';
import { auditKey, statementCharactersMax } from './record.ts';

let folder: TestFolder;
let storage: Storage;
let audit: Audit;
let failure: unknown;
const day = 86_400_000_000n;

const open = async (retentionDays: number): Promise<Audit> =>
  openAudit({
    storage,
    clock: folder.clock,
    log: {
      error: (fields) => {
        failure = fields;
      },
    },
    retentionDays,
  });

beforeEach(async () => {
  folder = testFolder();
  storage = await folder.open();
  audit = await open(10);
});
afterEach(async () => {
  await audit.close();
  await storage.close();
  folder.remove();
  if (failure !== undefined)
    throw new Error('the audit log could not be written', { cause: failure });
});

const event = (action: string): AuditEvent => ({
  ...blankEvent,
  kind: 'schema',
  action,
  role: 'ann',
});
const actions = async (): Promise<string[]> => (await audit.list()).map(({ action }) => action);

test('an entry stands with its transaction, back to a savepoint too', async () => {
  const kept = storage.begin();
  audit.record(kept, event('one'));
  const savepoint = kept.savepoint();
  audit.record(kept, event('two'));
  await kept.rollbackTo(savepoint);
  audit.record(kept, event('three'));
  const gone = storage.begin();
  audit.record(gone, event('four'));
  await gone.rollback();
  expect(await actions()).toEqual([]);
  await kept.commit({ sync: true });
  expect(await actions()).toEqual(['one', 'three']);
});

test('ids go on after the last one that is kept', async () => {
  await audit.write({ ...event('one'), statement: 'x'.repeat(statementCharactersMax + 5) });
  await audit.close();
  audit = await open(10);
  await audit.write(event('two'));
  const [one, two] = await audit.list();
  expect(one).toMatchObject({ auditId: 1n, at: folder.clock.now(), role: 'ann' });
  expect(one?.statement).toHaveLength(statementCharactersMax + 1);
  expect(two?.auditId).toBe(2n);
});

test('what is older than the retention goes, oldest first, in batches', async () => {
  const many = storage.begin();
  for (let i = 0; i < 1200; i++) audit.record(many, event(`old ${i}`));
  await many.commit({ sync: true });
  folder.clock.advance(5n * day);
  await audit.write(event('young'));
  folder.clock.advance(5n * day + 1n);
  expect(await audit.prune()).toBe(1200);
  expect(await actions()).toEqual(['young']);
  expect(await audit.prune()).toBe(0);
  await audit.close();
  folder.clock.advance(1000n * day);
  audit = await open(0);
  expect(await audit.prune()).toBe(0);
  expect(await actions()).toEqual(['young']);
});

test('many refusals in a short time are counted', async () => {
  for (let i = 0; i < deniedBurstMax + 50; i++) audit.denied({ ...event('INSERT'), detail: 'no' });
  folder.clock.advance(1_000_000n);
  audit.denied({ ...event('INSERT'), detail: 'no' });
  await audit.close();
  const entries = await audit.list();
  expect(entries).toHaveLength(deniedBurstMax + 1);
  expect(entries.at(-2)?.detail).toBe('no');
  expect(entries.at(-1)?.detail).toBe('no (50 others before it were not put down)');
});

test('a damaged entry is named', async () => {
  const transaction = storage.begin();
  transaction.putMeta(auditKey(7n), Buffer.from('{'));
  await transaction.commit({ sync: true });
  await expect(audit.list()).rejects.toMatchObject({
    code: 'XX001',
    message: 'the audit entry "audit/00000000000000000007" is not readable',
  });
});
