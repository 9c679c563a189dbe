import { startServerProcess } from '../../tests/support/server-process.ts';
import type { Server } from './server.ts';
import { treeMemoryBytes } from './server.ts';

/** pgtide with default settings on new data in a temporary folder, which `stop` removes. */
export async function startPgtide(): Promise<Server> {
  const server = await startServerProcess();
  const { host, port, dataDir } = server;
  return {
    name: 'pgtide',
    host,
    port,
    database: 'postgres',
    user: 'postgres',
    dataDir,
    memoryBytes: async () => {
      const pid = server.pid();
      if (pid === undefined) throw new Error('pgtide is not running');
      // One process: all of it counts, the pages that this one here has too included.
      return await treeMemoryBytes(pid, 'full');
    },
    stop: server.remove,
    restart: server.restart,
  };
}
