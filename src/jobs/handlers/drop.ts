import type { DroppedTable } from '../../storage/types.ts';
import type { JobHandler, Json } from '../types.ts';
import { count } from './words.ts';

export function dropParams({ tableId, namespace, name, kind }: DroppedTable): Json {
  return { tableId, namespace, name, kind };
}

/**
 * Removes what a dropped table leaves behind. Repeatable: what is gone is not there to be removed. What can't be removed is
 * reported and tried again, for as long as it takes.
 */
export const dropHandler: JobHandler = {
  withoutTable: true,
  mustComplete: true,
  attemptsMax: Infinity,
  async run({ storage, params, onProgress }) {
    const { files, bytes } = await storage.dropTable(params as unknown as DroppedTable, {
      onProgress,
    });
    return {
      result: { files, bytes },
      summary: `${count(files, 'file')}, ${count(bytes, 'byte')}`,
    };
  },
};
