import type { StorageTransaction } from '../storage/types.ts';

/**
 * What an entry tells of: `schema` a change of the catalog; `role` of roles; `privilege` a GRANT, REVOKE or owner; `denied` a
 * statement refused for want of a privilege (42501); `access` the opening of all users' rows; `data` work on whole tables or users
 * (TRUNCATE, erasing, backup, restore); `job` a job's cancellation.
 */
export type AuditKind = 'schema' | 'role' | 'privilege' | 'denied' | 'access' | 'data' | 'job';

/** A table that the entry tells of; it may be gone by now. */
export interface AuditTable {
  readonly id: number;
  /** `chat.messages` */
  readonly name: string;
  readonly change: 'created' | 'altered' | 'dropped' | 'truncated' | 'named';
}

/** What is to be put down. Passwords and users' data do not belong in it. */
export interface AuditEvent {
  readonly kind: AuditKind;
  /** The command tag, or what was done in capitals: `CREATE TABLE`, `ERASE USER`. */
  readonly action: string;
  /** The role whose privileges held; null: the server itself. */
  readonly role: string | null;
  /** Who logged in, when not as that role. */
  readonly sessionUser: string | null;
  /** tide.user_id. */
  readonly userId: string | null;
  readonly processId: number | null;
  readonly remoteAddress: string | null;
  readonly objectType: string | null;
  readonly objectName: string | null;
  readonly tables: readonly AuditTable[];
  /** The statement's text, cut at statementCharactersMax. */
  readonly statement: string | null;
  readonly detail: string | null;
}

/** An event of which nothing but what was done is known. */
export const blankEvent = {
  role: null,
  sessionUser: null,
  userId: null,
  processId: null,
  remoteAddress: null,
  objectType: null,
  objectName: null,
  tables: [],
  statement: null,
  detail: null,
} as const satisfies Omit<AuditEvent, 'kind' | 'action'>;

/** An entry of system.audit_log. */
export interface AuditEntry extends AuditEvent {
  /** Rises in the order in which they were put down. */
  readonly auditId: bigint;
  /** Microseconds since 2000-01-01 UTC. */
  readonly at: bigint;
}

export interface Audit {
  /** Puts an event down in the commit of what it tells of: both stand or neither does. */
  record(transaction: Pick<StorageTransaction, 'putMeta'>, event: AuditEvent): void;
  /** Puts down what has no commit of its own, durably once resolved. */
  write(event: AuditEvent): Promise<void>;
  /**
   * Puts down a refusal, at once and in the background. Of many in a short time some are only counted (deniedBurstMax): the
   * next one tells how many.
   */
  denied(event: AuditEvent): void;
  /** All that is kept, oldest first. */
  list(): Promise<readonly AuditEntry[]>;
  /** Removes what is older than the retention, in bounded batches; returns how many entries. Also done once an hour. */
  prune(): Promise<number>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}
