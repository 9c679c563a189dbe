import { dirname } from 'node:path';
import type { FilePosition, Places } from '../cold/places.ts';
import type { StorageLog } from '../engine.ts';
import type { ManifestFile } from '../types.ts';

/** A stretch of time between two times that something was condemned. Who reads from it on holds it until the end. */
export interface Epoch {
  holders: number;
  /** What waits until this epoch and those before it have no holder. */
  readonly waiting: (() => void)[];
  next: Epoch | undefined;
}

/** A file that no manifest lists any more. */
export type CondemnedFile = FilePosition & Pick<ManifestFile, 'tableId' | 'userId' | 'fileId'>;

/**
 * When a file, or a mark, may go that a newer state does not need any more: once everyone has ended who may have seen the older
 * state. Readers hold the epoch in which they have begun, from before their first look at the hot store.
 */
export interface FileLife {
  enter(): Epoch;
  leave(epoch: Epoch): void;
  /** Runs `work` when all who hold an epoch now have left: within the call when there is nobody. */
  afterReaders(work: () => void): void;
  /**
   * Does `work` once all who hold an epoch now have left. When there is nobody it resolves with the end of the work; otherwise at once, and
   * `later` is done in the background when they have left, unless the storage is closing.
   */
  onceReadersEnded(work: () => Promise<void>, later?: () => Promise<void>): Promise<void>;
  /** As `enter`, and a DROP waits for it too. The returned function lets go; calling it again does nothing. */
  pin(): () => void;
  /** Resolves when nobody holds a `pin`. */
  unpinned(): Promise<void>;
  /**
   * Removes files that have just been unlisted, with their folders that are empty then, once the readers of now have ended; resolved when
   * they are gone, or at once while there are such readers. What can't be removed is logged and tried again by itself, each time later, and
   * by `retry`; it is nobody's data any more.
   */
  condemn(files: readonly CondemnedFile[]): Promise<void>;
  /** Tries again what could not be removed; returns what still can't. */
  retry(): Promise<readonly { readonly path: string; readonly error: Error }[]>;
  /** These are gone: someone else has removed them. */
  removed(files: readonly CondemnedFile[]): void;
  /** A dropped table's condemned files that are still there: its readers are no more, so the drop may remove them. */
  condemnedOf(tableId: number): readonly CondemnedFile[];
  /** Whether condemned files are still there in the location of a tablespace. */
  condemnedIn(tablespaceId: number): boolean;
}

/** Waits before what could not be removed is tried again: doubled from the least to the most. */
export const stuckWaitMs = { least: 1000, most: 60_000 };

/** Calls `then` in so many milliseconds; the function returned calls it off. */
export type Later = (ms: number, then: () => void) => () => void;

const later: Later = (ms, then) => {
  const timer = setTimeout(then, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

export function createFileLife(
  places: Places,
  log: StorageLog,
  inTurn: (tableId: number, work: () => Promise<void>) => Promise<void>,
  background: (work: Promise<void>) => void,
  closing: AbortSignal,
  setTimer: Later = later,
): FileLife {
  let current: Epoch = { holders: 0, waiting: [], next: undefined };
  let oldest = current;
  let pins = 0;
  const unpinned: (() => void)[] = [];
  /** Condemned and still there, by absolute path. */
  const condemned = new Map<string, CondemnedFile>();
  const stuck = new Map<string, { readonly file: CondemnedFile; readonly error: Error }>();
  let waitMs = stuckWaitMs.least;
  let callOff: (() => void) | undefined;
  closing.addEventListener('abort', () => callOff?.(), { once: true });

  function drain(): void {
    while (oldest !== current && oldest.holders === 0) {
      const { waiting } = oldest;
      oldest = oldest.next!;
      for (const work of waiting) work();
    }
  }

  async function remove(files: readonly CondemnedFile[]): Promise<void> {
    const byFolder = Map.groupBy(
      files.filter((file) => condemned.has(places.path(file))),
      (file) => dirname(places.path(file)),
    );
    for (const [folder, within] of byFolder) {
      const gone: CondemnedFile[] = [];
      for (const file of within) {
        try {
          await places.remove(file);
          gone.push(file);
        } catch (error) {
          isStuck(file, `file "${file.path}"`, error);
        }
      }
      if (gone.length === 0) continue;
      try {
        await places.removeEmptyFolders(folder);
        for (const file of gone) isGone(file);
      } catch (error) {
        for (const file of gone) isStuck(file, `the folder of file "${file.path}"`, error);
      }
    }
    retryLater();
  }

  function isStuck(file: CondemnedFile, what: string, reason: unknown): void {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const path = places.path(file);
    if (!stuck.has(path))
      log.warn({ err: error }, `could not remove ${what}, which is tried again: ${error.message}`);
    stuck.set(path, { file, error });
  }

  function isGone(file: CondemnedFile): void {
    const path = places.path(file);
    condemned.delete(path);
    if (stuck.delete(path)) log.info({}, `file "${file.path}" has been removed now`);
  }

  /** As long as something is stuck there is one timer. */
  function retryLater(): void {
    if (stuck.size === 0) waitMs = stuckWaitMs.least;
    if (stuck.size === 0 || callOff !== undefined || closing.aborted) return;
    callOff = setTimer(waitMs, () => {
      callOff = undefined;
      background(retryByTurns());
    });
    waitMs = Math.min(2 * waitMs, stuckWaitMs.most);
  }

  async function retryByTurns(): Promise<void> {
    const tables = Map.groupBy(
      [...stuck.values()].map(({ file }) => file),
      (file) => file.tableId,
    );
    for (const [tableId, files] of tables) {
      if (closing.aborted) return;
      await inTurn(tableId, () => remove(files));
    }
  }

  const life: FileLife = {
    enter() {
      current.holders++;
      return current;
    },
    leave(epoch) {
      epoch.holders--;
      if (epoch === oldest && epoch.holders === 0) drain();
    },
    afterReaders(work) {
      drain();
      if (oldest === current && current.holders === 0) {
        work();
        return;
      }
      current.waiting.push(work);
      const next: Epoch = { holders: 0, waiting: [], next: undefined };
      current.next = next;
      current = next;
      drain();
    },
    async onceReadersEnded(work, later = work) {
      let now: Promise<void> | undefined;
      let asked = true;
      life.afterReaders(() => {
        if (asked) now = work();
        // What it would have removed the next start sweeps.
        else if (!closing.aborted) background(later());
      });
      asked = false;
      await now;
    },
    pin() {
      const epoch = life.enter();
      pins++;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        pins--;
        life.leave(epoch);
        if (pins === 0) for (const wake of unpinned.splice(0)) wake();
      };
    },
    async unpinned() {
      while (pins > 0) await new Promise<void>((resolve) => unpinned.push(resolve));
    },
    async condemn(files) {
      if (files.length === 0) return;
      for (const file of files) condemned.set(places.path(file), file);
      await life.onceReadersEnded(
        () => remove(files),
        // By turns with whoever makes folders and files of the table.
        async () => {
          for (const [tableId, ofTable] of Map.groupBy(files, (file) => file.tableId))
            await inTurn(tableId, () => remove(ofTable));
        },
      );
    },
    async retry() {
      await remove([...stuck.values()].map(({ file }) => file));
      return [...stuck.values()].map(({ file, error }) => ({ path: file.path, error }));
    },
    removed(files) {
      for (const file of files) isGone(file);
    },
    condemnedIn: (tablespaceId) =>
      [...condemned.values()].some((file) => file.tablespaceId === tablespaceId),
    condemnedOf: (tableId) => [...condemned.values()].filter((file) => file.tableId === tableId),
  };
  return life;
}
