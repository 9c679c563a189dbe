import { assert } from '../../base/index.ts';
import type { JobHandler } from '../types.ts';
import { count } from './words.ts';

/**
 * Moves a table's files to its tablespace (ALTER TABLE … SET TABLESPACE). Repeatable: what is there already stays. Tried until it
 * succeeds, as the disk may be full or not mounted: a tablespace that the table has left can't be dropped before.
 */
export const moveHandler: JobHandler = {
  mustComplete: true,
  attemptsMax: Infinity,
  async run({ storage, table, signal, onProgress }) {
    assert(table !== undefined, 'the job runs for a table only');
    const { files, bytes } = await storage.moveFiles(table, { signal, onProgress });
    return {
      result: { files, bytes },
      summary: `${count(files, 'file')}, ${count(bytes, 'byte')}`,
    };
  },
};
