/** A transaction's own catalog in the mirror: BEGIN and its statements, made again after it had to make room. */
import { PgError, SqlState, assert } from '../base/index.ts';
import type { CatalogCore } from './core.ts';
import type { DdlState } from './ddl-state.ts';
import { formerRelidsAfter, joinRelations } from './join.ts';
import { noSettings, replay } from './mirror-contents.ts';
import type { MirrorWait, PrivateView } from './mirror-turns.ts';
import { readNames } from './names.ts';
import { nextXid, readRelations } from './read-mirror.ts';

/** More statements than this are not kept apart in the mirror: going back to before them is a replay. */
const savepointsMax = 32;

export interface TransactionView {
  /** Runs `work` alone in the mirror, which shows the transaction's catalog meanwhile. Calls may be nested. */
  hold<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Within a hold: so that what follows can be undone by `undo`. Savepoints that nobody can go back to are given up. False: there
   * are too many, and the statement is not a subtransaction of its own.
   */
  startStatement(wanted: ReadonlySet<number>): Promise<boolean>;
  /** Within a hold: a statement took this long. */
  ran(ms: number): void;
  /** The mirror as it was in the state `to`; parked where there is no shorter way. */
  undo(to: DdlState): Promise<void>;
  /** Enters a hold that lasts until `leave`. */
  keep(): Promise<void>;
  leave(): void;
  /** Takes the transaction out of the mirror. Never rejects. */
  close(): Promise<void>;
  /** Within a hold, after COMMIT in the mirror. */
  committed(): void;
}

export interface ViewOwner {
  readonly wait: MirrorWait;
  readonly state: () => DdlState;
  /** The same with the OIDs of the present BEGIN. */
  readonly rejoined: (state: DdlState) => void;
}

export function createTransactionView(core: CatalogCore, owner: ViewOwner): TransactionView {
  const { turns, mirror, clock, log } = core;
  let replayMs = 0;
  /** Numbers of statements before which the mirror has a savepoint, ascending. */
  let savepoints: number[] = [];
  let holds = 0;
  let entering: Promise<() => void> | undefined;

  const view: PrivateView = {
    get replayMs() {
      return replayMs;
    },
    park: async () => {
      savepoints = [];
      try {
        await mirror.exec('rollback', noSettings);
      } catch (error) {
        // A worker that died has lost the transaction by itself.
        log.warn({ err: error }, 'the mirror did not roll back');
      }
    },
  };

  const isOpen = (): boolean => turns.shown === view;

  const takeOut = async (): Promise<void> => {
    if (!isOpen()) return;
    await view.park();
    turns.show(undefined);
  };

  /** BEGIN and the statements so far, unless the mirror has them. */
  async function ensure(): Promise<void> {
    if (isOpen()) {
      if (mirror.inTransaction()) return;
      // Failed by an error in it, or lost with a worker.
      await takeOut();
    }
    assert(turns.shown === undefined, 'one transaction at a time has the catalog lock');
    const state = owner.state();
    const startMs = clock.monotonicMs();
    turns.show(view);
    try {
      await mirror.exec('begin', noSettings);
      const generation = ++core.generations;
      // A worker that died may have taken transaction ids back that nothing on disk knew of.
      const { relations: committed } = core.committed;
      const comparable = Number(await nextXid(mirror)) >= Number(committed.inventory.nextXid);
      if (state.entries.length === 0 && comparable) {
        owner.rejoined({ ...state, generation });
        return;
      }
      await replay(mirror, state.entries);
      const relations = await readRelations(mirror, committed, comparable);
      const names = await readNames(mirror, core.committed.names);
      const formerRelids = formerRelidsAfter(state.relations, state.formerRelids, relations);
      const snapshot = joinRelations({
        relations,
        records: state.records,
        names,
        version: -++core.privateVersions,
        readExpr: core.readExpr,
        formerRelids,
      });
      owner.rejoined({ ...state, generation, relations, names, snapshot, formerRelids });
    } catch (error) {
      await takeOut();
      log.warn({ err: error }, 'a transaction’s changes of the catalog could not be repeated');
      throw new PgError(
        SqlState.serializationFailure,
        'could not repeat the changes of the catalog made in this transaction',
        {
          detail: error instanceof Error ? error.message : undefined,
          hint: 'The transaction might succeed if retried.',
        },
      );
    }
    replayMs = clock.monotonicMs() - startMs;
  }

  const enter = async (): Promise<() => void> => {
    const leave = await turns.alone(owner.wait);
    try {
      await ensure();
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  };

  const keep = async (): Promise<void> => {
    holds++;
    try {
      entering ??= enter();
      await entering;
    } catch (error) {
      if (--holds === 0) entering = undefined;
      throw error;
    }
  };

  const leave = (): void => {
    if (--holds > 0) return;
    const entered = entering;
    entering = undefined;
    void entered?.then((release) => release());
  };

  /** Alone in the mirror whatever it shows, within a hold or not. */
  const withTurn = async (work: () => Promise<void>): Promise<void> => {
    if (holds > 0) return work();
    const release = await turns.alone();
    try {
      await work();
    } finally {
      release();
    }
  };

  return {
    hold: async (work) => {
      await keep();
      try {
        return await work();
      } finally {
        leave();
      }
    },
    startStatement: async (wanted) => {
      const number = owner.state().entries.length;
      const last = savepoints.at(-1);
      if (last !== undefined && (last === number || !wanted.has(last))) {
        await mirror.exec(`release savepoint d${last}`, noSettings);
        savepoints.pop();
      }
      if (savepoints.length >= savepointsMax) return false;
      await mirror.exec(`savepoint d${number}`, noSettings);
      savepoints.push(number);
      return true;
    },
    ran: (ms) => {
      replayMs += ms;
    },
    undo: (to) =>
      withTurn(async () => {
        if (!isOpen()) return;
        const number = to.entries.length;
        const at = savepoints.indexOf(number);
        if (at < 0 || to.generation !== owner.state().generation) return takeOut();
        try {
          await mirror.exec(`rollback to savepoint d${number}`, noSettings);
          savepoints = savepoints.slice(0, at + 1);
        } catch {
          await takeOut();
        }
      }),
    keep,
    leave,
    close: () => withTurn(takeOut),
    committed: () => {
      savepoints = [];
      turns.show(undefined);
    },
  };
}
