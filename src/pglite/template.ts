/** A ready-made empty cluster, so that the servers of tests start without initdb. Made once per PGlite version. */
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { clusterVersion } from './directory.ts';
import { openPglite } from './handle.ts';

/**
 * Path of the template's tar (31 MB) under the system's temporary directory, making it first when it is missing (some 3 s).
 * The directory must belong to this user: others could plant a cluster otherwise. Safe to call from several processes.
 */
export async function clusterTemplate(): Promise<string> {
  const { uid, username } = userInfo();
  const directory = join(tmpdir(), `pgtide-${username}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (lstatSync(directory).uid !== uid) throw new Error(`${directory} belongs to someone else`);
  chmodSync(directory, 0o700);
  const path = join(directory, `cluster-${clusterVersion}.tar`);
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}`;
  const handle = await openPglite({ name: 'template' });
  try {
    await handle.dump(unfinished);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
    await handle.close();
  }
  return path;
}
