/** A statement as parsed and classified: what the session needs to know before anything is analyzed. */
import type { Node } from 'libpg-query';
import type { TableKind } from './sugar.ts';

export interface QualifiedName {
  readonly catalog?: string | undefined;
  readonly schema: string | undefined;
  readonly name: string;
}

interface Common {
  /** What PostgreSQL is to be told: our words and options taken out. No semicolon. */
  readonly text: string;
  /** libpg-query's tree of `text`; locations are bytes into it. */
  readonly node: Node;
  /** The command tag without counts: `INSERT`, `CREATE TABLE`. */
  readonly tag: string;
  /** EXECUTE AS USER around it: the user id. */
  readonly executeAs: string | undefined;
  /** A 1-based position in `text` as one in what the user sent. */
  readonly sourcePosition: (position: number) => number;
}

export interface QueryStatement extends Common {
  readonly class: 'query';
  readonly kind: 'select' | 'values' | 'insert' | 'update' | 'delete' | 'merge';
  /** A data-modifying WITH, or the statement itself modifies. */
  readonly modifies: boolean;
  /** FOR UPDATE and the like. */
  readonly locks: boolean;
}

export interface TransactionOptions {
  readonly isolation?: 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  readonly deferrable?: boolean;
}

export interface TransactionStatement extends Common {
  readonly class: 'transaction';
  readonly kind:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'savepoint'
    | 'release'
    | 'rollbackTo'
    | 'prepareTransaction'
    | 'commitPrepared'
    | 'rollbackPrepared';
  readonly options: TransactionOptions;
  /** AND CHAIN. */
  readonly chain: boolean;
  readonly savepoint: string | undefined;
  readonly gid: string | undefined;
}

export type SetStatement = Common & { readonly class: 'utility' } & (
    | {
        readonly kind: 'set';
        /** Lower case, as PostgreSQL knows it: `timezone`, `role`, `session_authorization`. */
        readonly name: string;
        /** undefined: DEFAULT. Lists are joined by ', ', identifiers quoted where search_path needs it. */
        readonly value: string | undefined;
        /** As written; more than one is an error but for list settings (22023). */
        readonly values: readonly string[];
        /** SET x FROM CURRENT, which only functions take. */
        readonly fromCurrent: boolean;
        readonly local: boolean;
      }
    /** SET TRANSACTION, SET SESSION CHARACTERISTICS AS TRANSACTION. */
    | {
        readonly kind: 'setTransaction';
        readonly sessionDefault: boolean;
        readonly options: TransactionOptions;
        readonly snapshot: string | undefined;
      }
    /** `all` for SHOW ALL and RESET ALL. */
    | { readonly kind: 'show' | 'reset'; readonly name: string }
    | { readonly kind: 'discard'; readonly target: 'all' | 'plans' | 'sequences' | 'temp' }
  );

/** Options in parentheses: EXPLAIN, VACUUM, COPY. Values as text; undefined: named without a value, which means on. */
export type OptionMap = ReadonlyMap<string, string | undefined>;

export type UtilityStatement = Common & { readonly class: 'utility' } & (
    | {
        readonly kind: 'prepare';
        readonly name: string;
        /** As written: `text[]`, `numeric(10,2)`. */
        readonly paramTypes: readonly string[];
        readonly inner: Statement;
      }
    | {
        readonly kind: 'execute';
        readonly name: string;
        /** Expressions as written. */ readonly args: readonly string[];
      }
    /** undefined: ALL. */
    | { readonly kind: 'deallocate'; readonly name: string | undefined }
    | { readonly kind: 'explain'; readonly options: OptionMap; readonly inner: Statement }
    | {
        readonly kind: 'vacuum' | 'analyze';
        readonly options: OptionMap;
        /** Empty: every table. */
        readonly tables: readonly {
          readonly name: QualifiedName;
          readonly columns: readonly string[];
        }[];
      }
    | { readonly kind: 'checkpoint' }
    | { readonly kind: 'listen'; readonly channel: string }
    | { readonly kind: 'notify'; readonly channel: string; readonly payload: string }
    /** undefined: all. */
    | { readonly kind: 'unlisten'; readonly channel: string | undefined }
    | {
        readonly kind: 'lock';
        readonly tables: readonly QualifiedName[];
        /** 1 to 8, lockdefs.h. */ readonly mode: number;
        readonly nowait: boolean;
      }
    | { readonly kind: 'do' | 'call' | 'load' | 'setConstraints' | 'cluster' | 'reindex' }
  );

export interface CopyStatement extends Common {
  readonly class: 'copy';
  readonly kind: 'copyFrom' | 'copyTo';
  /** undefined when a query is copied. */
  readonly table: QualifiedName | undefined;
  readonly columns: readonly string[] | undefined;
  readonly inner: Statement | undefined;
  /** undefined: STDIN or STDOUT. */
  readonly filename: string | undefined;
  readonly program: boolean;
  readonly options: OptionMap;
  /** Lists in options: force_quote, force_null, force_not_null; `*` is ['*']. */
  readonly listOptions: ReadonlyMap<string, readonly string[]>;
  /** COPY FROM … WHERE, as written. */
  readonly where: string | undefined;
}

export type CursorStatement = Common & { readonly class: 'cursor' } & (
    | {
        readonly kind: 'declare';
        readonly name: string;
        readonly binary: boolean;
        /** undefined: neither SCROLL nor NO SCROLL. */
        readonly scroll: boolean | undefined;
        /** Both SCROLL and NO SCROLL, which the grammar takes. */
        readonly bothScroll: boolean;
        readonly insensitive: boolean;
        readonly asensitive: boolean;
        readonly hold: boolean;
        readonly inner: Statement;
      }
    | {
        readonly kind: 'fetch' | 'move';
        readonly name: string;
        readonly direction: 'forward' | 'backward' | 'absolute' | 'relative';
        /** Infinity: ALL. */
        readonly count: number;
      }
    /** undefined: ALL. */
    | { readonly kind: 'closeCursor'; readonly name: string | undefined }
  );

export interface DropRecord {
  /** Each object's dotted name; for functions without arguments. */
  readonly objects: readonly QualifiedName[];
  readonly missingOk: boolean;
  readonly cascade: boolean;
  /** DROP USER TABLE and so on: the kind that every one must have. */
  readonly tableKind: TableKind | undefined;
}

export interface TableRecord {
  readonly name: QualifiedName;
  readonly ifNotExists: boolean;
  readonly temporary: boolean;
  readonly kind: TableKind;
  /** Ours, `type` included when written; checked for what belongs together, not for their values' own syntax. */
  readonly options: ReadonlyMap<string, string>;
  /** TABLESPACE. */
  readonly tablespace: string | undefined;
  /** CREATE TABLE AS, SELECT INTO. */
  readonly inner: Statement | undefined;
  /** WITH NO DATA. */
  readonly noData: boolean;
}

export interface AlterTableRecord {
  readonly name: QualifiedName;
  readonly missingOk: boolean;
  readonly setOptions: ReadonlyMap<string, string>;
  readonly resetOptions: readonly string[];
  /** Nothing but our options was changed; the text that is left has no effect. */
  readonly optionsOnly: boolean;
}

/** Every statement that changes the catalog. What kind of object it is about, in lower case: `table`, `materialized view`. */
export interface DdlStatement extends Common {
  readonly class: 'ddl';
  readonly kind:
    | 'create'
    | 'alter'
    | 'drop'
    | 'comment'
    | 'grant'
    | 'truncate'
    | 'refresh'
    | 'other';
  readonly objectType: string;
  /** CREATE TABLE in all its forms but foreign tables. */
  readonly table?: TableRecord;
  readonly drop?: DropRecord;
  readonly alterTable?: AlterTableRecord;
  /** TRUNCATE. */
  readonly truncate?: {
    readonly tables: readonly QualifiedName[];
    readonly restartSequences: boolean;
    readonly cascade: boolean;
  };
}

/** FLUSH TABLE. Its `text` is TABLE and the name, to be looked up. */
export interface FlushStatement extends Common {
  readonly class: 'tide';
  readonly kind: 'flush';
  readonly table: QualifiedName;
}

export type Statement =
  | QueryStatement
  | TransactionStatement
  | SetStatement
  | UtilityStatement
  | CopyStatement
  | CursorStatement
  | DdlStatement
  | FlushStatement;
