import type { PgError, Report } from '../base/index.ts';
import type { Analyzed, FieldDescription } from '../analyzer/tree.ts';
import type { Statement } from '../sql/index.ts';
import type { AdvisoryLocks } from '../executor/types.ts';
import type { ConstraintQueue } from '../executor/dml/constraint-events/queue.ts';
import type { Row, Value } from '../types/value.ts';
import type { RawParameters } from './bind-params.ts';
import type { ClientInfo, Output } from './connection.ts';
import type { Cursors, OpenCursor } from './cursor/cursors.ts';
import type { Engine } from './engine.ts';
import type { LiveDrops } from './live-drops.ts';
import type { Planned } from './planned.ts';
import type { RoleFacts } from './roles.ts';
import type { SettingsStore } from './settings.ts';
import type { SessionTransaction } from './transaction.ts';
import type { SlotMap } from './slot-map.ts';

/** A prepared statement: parsed, analyzed once, planned against one catalog version. */
export interface Prepared {
  /** As the client named it; '' is the unnamed one. */
  readonly name: string;
  /** What PostgreSQL is given: our words taken out. Changes with the plan when there is a literalText. */
  text: string;
  /** Found by its template: the text with its numbers, from which a plan is made when `plan` is valid no more. */
  readonly literalText?: string;
  /** Undefined: the empty statement. */
  readonly statement: Statement | undefined;
  /** Parameter types as the client declared them (0: to be inferred). */
  readonly declaredTypes: readonly number[];
  readonly paramTypes: readonly number[];
  /** Undefined: returns no rows. */
  fields: readonly FieldDescription[] | undefined;
  plan: CurrentPlan | undefined;
  /** DECLARE CURSOR's query. */
  readonly inner?: Prepared;
}

/** A plan and what it was made under; made anew when either has changed. */
export interface CurrentPlan {
  readonly catalogVersion: number;
  readonly settingsFingerprint: string;
  readonly analyzed: Analyzed;
  readonly planned: Planned;
}

/** A bound statement, and how far it has been run. */
export interface Portal {
  readonly name: string;
  readonly prepared: Prepared;
  readonly raw: RawParameters;
  readonly params: readonly (Value | undefined)[];
  readonly resultFormats: readonly number[];
  /** Run to its end: another Execute gives no rows. */
  completedTag: string | undefined;
  /** Counts up over the session's portals: ROLLBACK TO closes the later ones. */
  readonly opened: number;
  /** Microseconds since 2000-01-01 UTC. */
  readonly createdAt: bigint;
  /** Once SQL has declared it or fetched from it: all rows come from here. */
  open: OpenCursor | undefined;
}

/** What a statement answers. */
export type StatementResult =
  | {
      readonly kind: 'rows';
      readonly fields: readonly FieldDescription[];
      readonly batches: AsyncIterable<Row[]>;
      readonly tag: (rows: number) => string;
      /** Formats in a simple query, which can't ask for any; undefined: text. */
      readonly formats?: readonly number[] | undefined;
    }
  /** Everything at once: what a point query or a RETURNING gives. */
  | {
      readonly kind: 'rowsNow';
      readonly fields: readonly FieldDescription[];
      readonly rows: readonly Row[];
      readonly tag: (rows: number) => string;
      readonly formats?: readonly number[] | undefined;
    }
  /** Rows that PostgreSQL has encoded already. */
  | {
      readonly kind: 'encoded';
      readonly fields: readonly FieldDescription[];
      readonly rows: readonly Uint8Array[];
      readonly tag: string;
    }
  | { readonly kind: 'done'; readonly tag: string }
  | { readonly kind: 'copyIn'; readonly copy: CopyIn }
  | { readonly kind: 'copyOut'; readonly copy: CopyOut };

/** COPY FROM STDIN under way. */
export interface CopyIn {
  readonly format: 0 | 1;
  readonly columnCount: number;
  /** A promise when the rows must be stored before more may come. */
  push(data: Uint8Array): void | Promise<void>;
  /** Returns the command tag. */
  finish(): Promise<string>;
  /** What CopyFail is answered with. */
  failed(why: string): PgError;
}

export interface CopyOut {
  readonly format: 0 | 1;
  readonly columnCount: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly tag: () => string;
}

/** One session, as its commands see it. */
export interface SessionState {
  readonly engine: Engine;
  readonly client: ClientInfo;
  readonly output: Output;
  readonly processId: number;
  /** Who logged in; SET SESSION AUTHORIZATION does not change it. */
  readonly loginUser: string;
  readonly settings: SettingsStore;
  /** Every setting of PostgreSQL by lower-case name, as it is when nobody has set it. */
  readonly defaults: ReadonlyMap<string, string>;
  readonly transaction: SessionTransaction;
  /** The transaction's checks that wait, and what SET CONSTRAINTS has said. */
  readonly constraints: ConstraintQueue;
  readonly prepared: Map<string, Prepared>;
  readonly portals: SlotMap<string, Portal>;
  readonly cursors: Cursors;
  readonly advisory: AdvisoryLocks;
  readonly liveDrops: LiveDrops;
  /** The message being run has more statements than this one, all in one implicit transaction. */
  severalStatements: boolean;
  roles: RoleFacts;
  /** Microseconds since 2000-01-01 UTC. */
  statementTime: bigint;
  /** nextval's last results by sequenceId, and the last of all. */
  readonly currentValues: Map<number, bigint>;
  lastSequence: number | undefined;
  /** Aborted by cancel, timeouts and termination, with the PgError to report. */
  readonly signal: AbortSignal;
  /** SET and set_config; undefined: the default. The value that is now in force. */
  setSetting(name: string, value: string | undefined, local: boolean): Promise<string>;
  notice(report: Report): void;
  /** Keeps notices back until what it returns is called: rows that are read ahead raise theirs behind the description. */
  holdNotices(): () => void;
}
