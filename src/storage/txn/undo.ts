import type { OverlayIndexEntry, OverlayRow, TableOverlay } from './overlay.ts';

/** How to take back one change of a transaction's overlay. Kept only while there is a savepoint to go back to. */
export type UndoEntry =
  | {
      readonly kind: 'row';
      readonly overlay: TableOverlay;
      readonly text: string;
      readonly before: OverlayRow | undefined;
    }
  | {
      readonly kind: 'index';
      readonly overlay: TableOverlay;
      readonly text: string;
      readonly before: OverlayIndexEntry | undefined;
    }
  /** The whole overlay of a table, before a truncate or a change of its layout. */
  | {
      readonly kind: 'overlay';
      readonly overlay: TableOverlay;
      readonly rows: Map<string, OverlayRow>;
      readonly index: Map<string, OverlayIndexEntry>;
      readonly truncatedAll: boolean;
      readonly truncatedScopes: ReadonlySet<string>;
    }
  | {
      readonly kind: 'meta';
      readonly meta: Map<string, Uint8Array | undefined>;
      readonly name: string;
      readonly had: boolean;
      readonly before: Uint8Array | undefined;
    };

/** Takes back entries from the last one to the one at `mark`. */
export function undoTo(undo: UndoEntry[], mark: number): void {
  while (undo.length > mark) undoOne(undo.pop()!);
}

function undoOne(entry: UndoEntry): void {
  switch (entry.kind) {
    case 'row': {
      const { overlay, text, before } = entry;
      if (before === undefined) overlay.rows.delete(text);
      else overlay.rows.set(text, before);
      overlay.sorted = undefined;
      return;
    }
    case 'index': {
      const { overlay, text, before } = entry;
      if (before === undefined) overlay.index.delete(text);
      else overlay.index.set(text, before);
      return;
    }
    case 'overlay': {
      const { overlay } = entry;
      overlay.rows = entry.rows;
      overlay.index = entry.index;
      overlay.truncatedAll = entry.truncatedAll;
      overlay.truncatedScopes = entry.truncatedScopes;
      overlay.sorted = undefined;
      return;
    }
    case 'meta': {
      if (entry.had) entry.meta.set(entry.name, entry.before);
      else entry.meta.delete(entry.name);
    }
  }
}
