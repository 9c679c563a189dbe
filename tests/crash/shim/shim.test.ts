/** The shim itself: what a small program leaves when its disk loses what it did not sync, and how its faults come. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import type { ShimOptions } from './build.ts';
import { shimEnv } from './build.ts';
import { createFaultControl } from './control.ts';
import type { Loss } from './disk.ts';
import { createDisk } from './disk.ts';
import { operationsOf } from './journal.ts';

let folder: string;
let root: string;
let journal: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-shim-')));
  root = join(folder, 'disk');
  journal = join(folder, 'journal');
  await mkdir(root);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs a program of Node's with `fs`, `root` and `sync(path)` at hand. Returns what it wrote to stdout. */
async function run(program: string, options: Partial<ShimOptions> = {}): Promise<string> {
  const text = `
    const fs = require('node:fs');
    const root = ${JSON.stringify(root)};
    const sync = (path) => { const fd = fs.openSync(path, 'r'); fs.fsyncSync(fd); fs.closeSync(fd); };
    ${program}`;
  const env = await shimEnv({ root, journal, ...options });
  const child = spawn(process.execPath, ['-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  return output;
}

/** The files that the loss leaves, with their text. */
async function left(loss: Loss, seed = ''): Promise<Record<string, string>> {
  const disk = createDisk(root);
  for (const { operation } of operationsOf(await readFile(journal))) disk.apply(operation);
  const image = await mkdtemp(join(folder, 'image-'));
  await disk.leave(image, loss, seededRandom(seed));
  const files: Record<string, string> = {};
  for (const entry of await readdir(image, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(image.length + 1)] = await readFile(path, 'latin1');
  }
  return files;
}

test('bytes are safe to the last fsync, names to the last fsync of their folder', async () => {
  await run(`
    const fd = fs.openSync(root + '/log', 'w');
    fs.writeSync(fd, 'one'); fs.fsyncSync(fd);
    fs.writeSync(fd, ' two');
    sync(root);
    fs.writeFileSync(root + '/new', 'x'); sync(root + '/new');
    fs.mkdirSync(root + '/folder'); fs.writeFileSync(root + '/folder/file', 'y');
    sync(root + '/folder/file'); sync(root + '/folder');`);
  expect(await left('dropped')).toEqual({ log: 'one' });
  expect(await left('kept')).toEqual({ log: 'one two', new: 'x', 'folder/file': 'y' });
});

test('a rename, an unlink and a truncate come back until they are synced', async () => {
  await run(`
    for (const name of ['a', 'b', 'c']) { fs.writeFileSync(root + '/' + name, name.repeat(9)); sync(root + '/' + name); }
    sync(root);
    fs.renameSync(root + '/a', root + '/b');
    fs.truncateSync(root + '/c', 2);
    fs.unlinkSync(root + '/c');`);
  expect(await left('dropped')).toEqual({ a: 'aaaaaaaaa', b: 'bbbbbbbbb', c: 'ccccccccc' });
  expect(await left('kept')).toEqual({ b: 'aaaaaaaaa' });
  await run(`sync(root)`);
  expect(await left('dropped')).toEqual({ b: 'aaaaaaaaa' });
});

test('writes of every kind are followed', async () => {
  await run(`
    const fd = fs.openSync(root + '/f', 'w+');
    fs.writevSync(fd, [Buffer.from('ab'), Buffer.from('cd')]);
    fs.writeSync(fd, 'X', 1);
    fs.writevSync(fd, [Buffer.from('Y'), Buffer.from('Z')], 6);
    fs.ftruncateSync(fd, 7);
    fs.closeSync(fd);
    fs.appendFileSync(root + '/f', '!');
    fs.copyFileSync(root + '/f', root + '/g');`);
  const real = await readFile(join(root, 'f'), 'latin1');
  expect(real).toBe('aXcd\0\0Y!');
  expect(await left('kept')).toMatchObject({ f: real });
});

test('what is left of unsynced writes differs by the seed, and is the same for the same', async () => {
  await run(`
    fs.writeFileSync(root + '/f', 'a'.repeat(40000)); sync(root + '/f'); sync(root);
    const fd = fs.openSync(root + '/f', 'r+');
    for (let at = 0; at < 80000; at += 1000) fs.writeSync(fd, 'b'.repeat(1000), at);`);
  const seen = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const { f = '' } = await left('random', `${seed}`);
    expect(f).toBe((await left('random', `${seed}`))['f']);
    expect(f).toMatch(/^[ab]{40000}[b\0]*$/);
    seen.add(f);
  }
  expect(seen.size).toBeGreaterThan(10);
});

test('a sync that is forgotten saves nothing', async () => {
  const program = `fs.writeFileSync(root + '/a.x', 'a'); sync(root + '/a.x'); sync(root);`;
  await run(program, { noSync: '*.x' });
  expect(await left('dropped')).toEqual({ 'a.x': '' });
});

test('the nth call fails, once or from then on, and only as long as it is armed', async () => {
  const control = createFaultControl(join(folder, 'control'));
  const program = `
    const said = [];
    const attempt = (name, work) => { try { said.push(name + ' ' + (work() ?? 'ok')); } catch (error) { said.push(name + ' ' + error.code); } };
    const fd = fs.openSync(root + '/f', 'w');
    for (let i = 0; i < 4; i++) attempt('write', () => fs.writeSync(fd, 'abcdefgh'));
    attempt('sync', () => fs.fsyncSync(fd));
    attempt('rename', () => fs.renameSync(root + '/f', root + '/g'));
    attempt('open', () => fs.closeSync(fs.openSync(root + '/h', 'w')));
    console.log(said.join(', '));`;
  const all = ['write', 'sync', 'rename', 'open'] as const;
  const outcome = async (): Promise<string> =>
    (await run(program, { control: control.path })).trim();

  expect(await outcome()).toBe('write 8, write 8, write 8, write 8, sync ok, rename ok, open ok');
  control.arm({ kinds: ['write'], error: 'ENOSPC', nth: 2, persistent: false });
  expect(await outcome()).toContain('write 8, write ENOSPC, write 8, write 8, sync ok');
  expect(control.counts()).toEqual({ seen: 2, fired: 1 });
  control.arm({ kinds: ['write'], error: 'short', nth: 3, persistent: false });
  await rm(journal);
  // libuv goes on where a short write has ended.
  expect(await outcome()).toContain('write 8, write 8, write 8, write 8, sync ok');
  const writes = [...operationsOf(await readFile(journal))].map(({ operation }) =>
    operation.op === 'write' ? operation.data.length : 0,
  );
  expect(writes.filter((bytes) => bytes > 0)).toEqual([8, 8, 4, 4, 8]);
  control.arm({ kinds: all, error: 'EIO', nth: 5, persistent: true, pattern: '*/[fgh]' });
  expect(await outcome()).toBe(
    'write 8, write 8, write 8, write EIO, sync EIO, rename EIO, open EIO',
  );
  control.lift();
  expect(await outcome()).toContain('open ok');
  control.close();
});
