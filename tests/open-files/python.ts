/** A Python that has pyarrow and pandas: the machine's, or one of our own, made once. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Made under node_modules, which `npm ci` empties and git leaves out; .ci/run makes it before the tests. */
export const venvFolder = join(import.meta.dirname, '../../node_modules/.cache/pgtide-python');

const packages = ['pyarrow', 'pandas'];
const installMs = 180_000;

async function works(python: string): Promise<boolean> {
  try {
    await run(python, ['-c', `import ${packages.join(', ')}`], { timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
}

/** Why, where there is none and none can be made. */
export async function findPython(): Promise<
  { readonly python: string } | { readonly why: string }
> {
  const own = join(venvFolder, 'bin', 'python');
  for (const python of [own, 'python3']) if (await works(python)) return { python };
  try {
    await run('python3', ['-m', 'venv', venvFolder], { timeout: 60_000 });
    await run(own, ['-m', 'pip', 'install', '-q', ...packages], { timeout: installMs });
    return { python: own };
  } catch (error) {
    await rm(venvFolder, { recursive: true, force: true });
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { why: `no Python with ${packages.join(' and ')} can be had: ${why}` };
  }
}
