/**
 * audit: who changed what, as entries in the hot store under `audit/<id>`, which system.audit_log shows.
 *
 * An entry is written in the commit of what it tells of, so neither is there without the other; what was refused, or has no commit,
 * has one of its own. Entries are never changed. Those older than auditRetentionDays go, some at a time, oldest first.
 *
 * They hold statements of DDL, with passwords left out (sql/passwords.ts), and of what was refused only the command and
 * the message: users' data stays out, as erasing a user does not reach here.
 *
 * Debugging: `select * from system.audit_log order by audit_id desc`.
 */
import type { Clock } from '../base/index.ts';
import type { Storage } from '../storage/types.ts';
import { auditKey, auditKeyPrefix, decodeEntry, encodeEntry } from './record.ts';
import type { Audit, AuditEvent } from './types.ts';

export type { Audit, AuditEntry, AuditEvent, AuditKind, AuditTable } from './types.ts';
export { blankEvent } from './types.ts';

/** Entries removed in one commit at most. */
const pruneBatchMax = 500;
const pruneIntervalMs = 3_600_000;
const dayMicros = 86_400_000_000n;
/** Refusals put down in one go, and how many more each second; others are counted. */
export const deniedBurstMax = 100;
const deniedPerSecond = 10;

export interface AuditOptions {
  readonly storage: Pick<Storage, 'begin' | 'meta'>;
  readonly clock: Clock;
  readonly log: { error(fields: object, message: string): void };
  /** 0: for ever. */
  readonly retentionDays: number;
}

export async function openAudit({
  storage,
  clock,
  log,
  retentionDays,
}: AuditOptions): Promise<Audit> {
  const [newest] = await storage.meta(auditKeyPrefix, { reverse: true, limit: 1 });
  let lastId = newest === undefined ? 0n : decodeEntry(...newest).auditId;
  const working = new Set<Promise<unknown>>();
  let closed = false;
  let allowance = deniedBurstMax;
  let allowanceMs = clock.monotonicMs();
  let leftOut = 0;

  function background(work: Promise<unknown>): void {
    const guarded = work
      .catch((error: unknown) => log.error({ err: error }, 'the audit log could not be written'))
      .finally(() => working.delete(guarded));
    working.add(guarded);
  }

  const record: Audit['record'] = (transaction, event) => {
    const auditId = (lastId += 1n);
    transaction.putMeta(auditKey(auditId), encodeEntry({ ...event, auditId, at: clock.now() }));
  };

  async function commit(event: AuditEvent, sync: boolean): Promise<void> {
    const transaction = storage.begin();
    record(transaction, event);
    await transaction.commit({ sync });
  }

  async function prune(): Promise<number> {
    if (retentionDays === 0) return 0;
    const before = clock.now() - BigInt(retentionDays) * dayMicros;
    let removed = 0;
    while (!closed) {
      const entries = await storage.meta(auditKeyPrefix, { limit: pruneBatchMax });
      const young = entries.findIndex(([key, bytes]) => decodeEntry(key, bytes).at >= before);
      const old = young < 0 ? entries : entries.slice(0, young);
      if (old.length === 0) break;
      const transaction = storage.begin();
      for (const [key] of old) transaction.putMeta(key, undefined);
      await transaction.commit({ sync: false });
      removed += old.length;
      if (old.length < pruneBatchMax) break;
    }
    return removed;
  }

  const timer = setInterval(() => background(prune()), pruneIntervalMs);
  timer.unref();
  background(prune());

  return {
    record,
    write: (event) => commit(event, true),
    denied(event) {
      const now = clock.monotonicMs();
      allowance = Math.min(
        deniedBurstMax,
        allowance + ((now - allowanceMs) / 1000) * deniedPerSecond,
      );
      allowanceMs = now;
      if (closed || allowance < 1) {
        leftOut++;
        return;
      }
      allowance--;
      const more = leftOut === 0 ? '' : ` (${leftOut} others before it were not put down)`;
      leftOut = 0;
      background(commit({ ...event, detail: `${event.detail ?? ''}${more}` }, false));
    },
    async list() {
      const entries = await storage.meta(auditKeyPrefix);
      return entries.map(([key, bytes]) => decodeEntry(key, bytes));
    },
    prune,
    async close() {
      closed = true;
      clearInterval(timer);
      while (working.size > 0) await Promise.allSettled(working);
    },
  };
}
