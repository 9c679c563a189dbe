import { PgError, SqlState } from '../base/index.ts';
import type { TransactionOptions } from '../sql/index.ts';
import type { IsolationLevel } from '../storage/types.ts';
import type { SettingsStore } from './settings.ts';

export type IsolationName = NonNullable<TransactionOptions['isolation']>;

/** What SET TRANSACTION sets. */
export interface Characteristics {
  readonly isolation: IsolationName;
  readonly readOnly: boolean;
  readonly deferrable: boolean;
}

/** Those of a transaction that says nothing else. */
export function defaultCharacteristics(settings: SettingsStore): Characteristics {
  const isolation = settings.get('default_transaction_isolation') ?? 'read committed';
  return {
    isolation: isolation as IsolationName,
    readOnly: settings.get('default_transaction_read_only') === 'on',
    deferrable: settings.get('default_transaction_deferrable') === 'on',
  };
}

/** READ UNCOMMITTED shows no more than READ COMMITTED does, as in PostgreSQL. */
export function isolationLevel(name: IsolationName): IsolationLevel {
  return name === 'read uncommitted' ? 'read committed' : name;
}

/** Where in its transaction a statement would change the characteristics. */
interface Moment {
  /** A statement has taken a snapshot. */
  readonly queried: boolean;
  readonly inSubtransaction: boolean;
}

/**
 * The characteristics with `options` applied (xact.c and variable.c: check_transaction_isolation and its neighbours).
 * @throws 25001 when it is too late for one of them
 */
export function changedCharacteristics(
  current: Characteristics,
  { isolation, readOnly, deferrable }: TransactionOptions,
  { queried, inSubtransaction }: Moment,
): Characteristics {
  const tooLate = (message: string): PgError => new PgError(SqlState.activeSqlTransaction, message);
  if (isolation !== undefined && isolation !== current.isolation) {
    if (queried) throw tooLate('SET TRANSACTION ISOLATION LEVEL must be called before any query');
    if (inSubtransaction)
      throw tooLate('SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction');
  }
  if (readOnly === false && current.readOnly) {
    if (inSubtransaction)
      throw tooLate('cannot set transaction read-write mode inside a read-only transaction');
    if (queried) throw tooLate('transaction read-write mode must be set before any query');
  }
  if (deferrable !== undefined) {
    if (inSubtransaction)
      throw tooLate('SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction');
    if (queried) throw tooLate('SET TRANSACTION [NOT] DEFERRABLE must be called before any query');
  }
  return {
    isolation: isolation ?? current.isolation,
    readOnly: readOnly ?? current.readOnly,
    deferrable: deferrable ?? current.deferrable,
  };
}

const isolationNames: readonly IsolationName[] = [
  'serializable',
  'repeatable read',
  'read committed',
  'read uncommitted',
];

/** The characteristics as settings: SET transaction_isolation, SHOW transaction_read_only. */
export const characteristicSettings = {
  transaction_isolation: {
    show: (of: Characteristics): string => of.isolation,
    parse: (value: string): TransactionOptions => {
      const isolation = isolationNames.find((name) => name === value.toLowerCase());
      if (isolation !== undefined) return { isolation };
      throw new PgError(
        SqlState.invalidParameterValue,
        `invalid value for parameter "transaction_isolation": "${value}"`,
        { hint: `Available values: ${isolationNames.join(', ')}.` },
      );
    },
  },
  transaction_read_only: {
    show: (of: Characteristics): string => (of.readOnly ? 'on' : 'off'),
    parse: (value: string): TransactionOptions => ({ readOnly: value === 'on' }),
  },
  transaction_deferrable: {
    show: (of: Characteristics): string => (of.deferrable ? 'on' : 'off'),
    parse: (value: string): TransactionOptions => ({ deferrable: value === 'on' }),
  },
} as const;

export function isCharacteristic(name: string): name is keyof typeof characteristicSettings {
  return Object.hasOwn(characteristicSettings, name);
}
