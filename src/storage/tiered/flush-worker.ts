/** The thread that flushes large tables; see flush-thread.ts. */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

giveWay();
// Loading all that it works with takes a few hundred milliseconds, which are to give way too.
await import('./flush-work-loop.ts');

/** Lets other threads go first where there are fewer processors than threads with work: on Linux each has a priority of its own. */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(threadId, constants.priority.PRIORITY_LOW);
  } catch {
    // No /proc, or not allowed: then it goes by the scheduler alone.
  }
}
