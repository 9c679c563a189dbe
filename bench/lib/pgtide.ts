import { startServerProcess } from '../../tests/support/server-process.ts';
import type { Server } from './server.ts';
import { treeMemoryBytes, treeProcessorSeconds } from './server.ts';

/** pgtide with default settings on new data in a temporary folder, which `stop` removes. */
export async function startPgtide(): Promise<Server> {
  const server = await startServerProcess();
  const { host, port, dataDir } = server;
  const pid = (): number => {
    const id = server.pid();
    if (id === undefined) throw new Error('pgtide is not running');
    return id;
  };
  return {
    name: 'pgtide',
    host,
    port,
    database: 'postgres',
    user: 'postgres',
    dataDir,
    // One process: all of it counts, the pages that this one here has too included.
    memoryBytes: async () => await treeMemoryBytes(pid(), 'full'),
    processorSeconds: async () => await treeProcessorSeconds(pid()),
    stop: server.remove,
    restart: server.restart,
  };
}
