import { PgError, SqlState, assert } from '../base/index.ts';
import type { ExecutorName } from '../planner/nodes.ts';
import { currentRowSource } from '../planner/current-of.ts';
import { cursorsSource, sequenceSource } from '../planner/normalize.ts';
import type { Execution } from '../executor/run-plan.ts';
import type { SessionSequences, StatementContext } from '../executor/types.ts';
import type { StorageTransaction } from '../storage/types.ts';
import type { CatalogSequence } from '../catalog/types.ts';
import type { Value } from '../types/value.ts';
import { characteristicSettings, isCharacteristic } from './characteristics.ts';
import { mayRead } from './roles.ts';
import { currentRows } from './cursor/current-row.ts';
import { cursorRows } from './cursor/cursor-rows.ts';
import type { SessionState } from './state.ts';
import { ownSettings } from './settings.ts';

/** The role that statements run as: SET ROLE's, else SET SESSION AUTHORIZATION's, else the one that logged in. */
export function currentRole(session: Pick<SessionState, 'settings' | 'loginUser'>): string {
  const role = session.settings.get('role');
  if (role !== undefined && role !== 'none') return role;
  return sessionUser(session);
}

export function sessionUser(session: Pick<SessionState, 'settings' | 'loginUser'>): string {
  return session.settings.get('session_authorization') ?? session.loginUser;
}

/** tide.user_id, which is the session's role until it is set. */
export function currentUserId(session: Pick<SessionState, 'settings' | 'loginUser'>): string {
  return session.settings.get('tide.user_id') ?? currentRole(session);
}

function ownSetting(session: SessionState, name: string): string {
  return session.settings.get(name) ?? ownSettings.get(name)?.initial ?? '';
}

export function statementContext(session: SessionState): StatementContext {
  const { engine, settings, transaction } = session;
  const allUsers = ownSetting(session, 'tide.scope') === 'all';
  if (allUsers && !session.roles.bypassRowSecurity) {
    throw new PgError(SqlState.insufficientPrivilege, `permission denied to read all users' rows`, {
      hint: 'Only superusers and roles with BYPASSRLS may use tide.scope = all.',
    });
  }
  const limit = settings.get('tide.materialize_limit');
  return {
    types: { ...settings.types, transactionTime: transaction.startTime },
    userId: currentUserId(session),
    allUsers,
    includeDeleted: ownSetting(session, 'tide.include_deleted') === 'on',
    hardDelete: ownSetting(session, 'tide.hard_delete') === 'on',
    materializeLimit: limit === undefined ? engine.materializeLimitRows : Number(limit),
    currentUser: currentRole(session),
    sessionUser: sessionUser(session),
    database: session.client.database,
    backendPid: session.processId,
    transactionTime: transaction.startTime,
    statementTime: session.statementTime,
    clock: engine.clock,
    random: engine.random,
    snowflakeId: engine.snowflakeId,
    uuidV7: engine.uuidV7,
    sequences: sessionSequences(session),
    advisory: session.advisory,
    blockingPids: (processId) => engine.storage.locks.blocking(processId),
    setting: settingReader(session),
    setSetting: (name, value, local) => session.setSetting(name, value, local),
    settings: settings.forPostgres,
  };
}

/** Settings that the session itself can tell, as they are now, whatever changes later. By lower-case name. */
function settingsNow(session: SessionState): (name: string) => string | undefined {
  const { roles } = session;
  const { characteristics } = session.transaction;
  const { all } = session.settings;
  const userId = currentUserId(session);
  const user = sessionUser(session);
  return (name) => {
    if (name === 'tide.user_id') return userId;
    if (name === 'is_superuser') return roles.superuser ? 'on' : 'off';
    if (name === 'session_authorization') return user;
    if (isCharacteristic(name)) return characteristicSettings[name].show(characteristics);
    return all.get(name) ?? ownSettings.get(name)?.initial;
  };
}

/** current_setting for one statement: rows that it yields late are computed as its first ones. */
function settingReader(session: SessionState): (name: string) => string | undefined {
  const { defaults } = session;
  const now = settingsNow(session);
  return (name) => {
    const lower = name.toLowerCase();
    return now(lower) ?? defaults.get(lower);
  };
}

/** A setting that the session itself can tell; undefined: PostgreSQL has to be asked. */
export function showSetting(session: SessionState, name: string): string | undefined {
  return settingsNow(session)(name);
}

function sessionSequences(session: SessionState): SessionSequences {
  const { engine, transaction } = session;
  const sequence = (relid: number): CatalogSequence => {
    const found = transaction.catalog.sequence(relid);
    assert(found !== undefined, 'a sequence that PostgreSQL knows is in the catalog');
    return found;
  };
  return {
    nextval: (relid) => {
      if (transaction.readOnly) throw notInReadOnly('nextval()');
      const of = sequence(relid);
      const value = named(of, () => engine.storage.sequences.nextval(of.sequenceId));
      transaction.usedSequence();
      session.currentValues.set(of.sequenceId, value);
      session.lastSequence = of.sequenceId;
      return value;
    },
    currval: (relid) => {
      const of = sequence(relid);
      const value = session.currentValues.get(of.sequenceId);
      if (value !== undefined) return value;
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `currval of sequence "${of.name}" is not yet defined in this session`,
      );
    },
    lastval: () => {
      const value = session.currentValues.get(session.lastSequence ?? 0);
      if (value !== undefined) return value;
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        'lastval is not yet defined in this session',
      );
    },
    setval: (relid, value, isCalled) => {
      if (transaction.readOnly) throw notInReadOnly('setval()');
      const of = sequence(relid);
      if (value < of.min || value > of.max) {
        throw new PgError(
          SqlState.numericValueOutOfRange,
          `setval: value ${value} is out of bounds for sequence "${of.name}" (${of.min}..${of.max})`,
        );
      }
      engine.storage.sequences.setval(of.sequenceId, value, isCalled);
      transaction.usedSequence();
      if (isCalled) session.currentValues.set(of.sequenceId, value);
      return value;
    },
  };
}

function notInReadOnly(what: string): PgError {
  return new PgError(
    SqlState.readOnlySqlTransaction,
    `cannot execute ${what} in a read-only transaction`,
  );
}

/** Storage knows a sequence by its number; its errors are told by name. */
function named<T>(sequence: CatalogSequence, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    const message = error.message.replace(
      `sequence ${sequence.sequenceId}`,
      `sequence "${sequence.name}"`,
    );
    throw new PgError(error.code, message);
  }
}

/** One statement's execution over `transaction`'s current snapshot. */
export function createExecution(
  session: SessionState,
  transaction: StorageTransaction,
  params: readonly Value[],
  paramTypes: readonly number[],
  text: string,
): Execution {
  const { engine } = session;
  const catalog = session.transaction.catalog;
  const statement = statementContext(session);
  return {
    statement,
    catalog,
    storage: engine.storage,
    transaction,
    params,
    paramTypes,
    signal: session.signal,
    scanReports: undefined,
    text,
    executors: engine.executors,
    constraints: {
      queue: session.constraints,
      support: engine.support,
      mayRead: (relid, attnums) => mayRead(session, relid, attnums),
    },
    forced: ownSetting(session, 'tide.executor') as ExecutorName | 'auto',
    stepRows: new Map(),
    virtualRows: async (source) => {
      const current = currentRowSource(source);
      if (current !== undefined) {
        return { rows: await currentRows(session, current, transaction, statement) };
      }
      if (source === cursorsSource) return { rows: cursorRows(session) };
      const relid = sequenceRelid(source);
      if (relid !== undefined) {
        const { sequenceId } = catalog.sequence(relid)!;
        const { lastValue, isCalled } = engine.storage.sequences.state(sequenceId);
        return { rows: [[lastValue, 0n, isCalled]] };
      }
      const { roles } = session;
      const viewer = {
        role: roles.name,
        userId: currentUserId(session),
        seesAll: roles.superuser || roles.monitor,
      };
      return engine.virtualRows(source.slice('system.'.length), viewer);
    },
  };
}

const sequencePrefix = sequenceSource(0).slice(0, -1);

function sequenceRelid(source: string): number | undefined {
  return source.startsWith(sequencePrefix)
    ? Number(source.slice(sequencePrefix.length))
    : undefined;
}
