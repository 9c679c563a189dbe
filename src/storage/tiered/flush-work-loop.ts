/** What the thread does that flushes large tables; see flush-thread.ts. */
import { parentPort } from 'node:worker_threads';
import { assert } from '../../base/index.ts';
import { filesDuckdb } from '../cold/duck.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { Duckdb } from '../cold/duck.ts';
import { openLevelReader } from '../hot/level-reader.ts';
import type { LevelReader } from '../hot/level-reader.ts';
import type { FlushWork } from './flush-files.ts';
import { flushFiles } from './flush-files.ts';
import type {
  FlushThreadData,
  FromFlushThread,
  SentError,
  ToFlushThread,
} from './flush-messages.ts';
import { receiveError, receiveWork, sendError } from './flush-messages.ts';

assert(parentPort !== null, 'the flush thread is a worker');
const port = parentPort;

/** Of DuckDB: the other cores are for those who wait for an answer. */
const duckdbThreads = 1;

interface Opened {
  readonly source: LevelReader;
  readonly duckdb: Duckdb;
}
let opened: Opened | undefined;

let canceled = false;
let calls = 0;
const waiting = new Map<
  number,
  { resolve(target: FileTarget | undefined): void; reject(error: Error): void }
>();

function say(message: FromFlushThread): void {
  port.postMessage(message);
}

function ask(
  message:
    | { readonly kind: 'target'; readonly userId: string }
    | { readonly kind: 'fault'; readonly step: string },
): Promise<FileTarget | undefined> {
  const call = ++calls;
  return new Promise((resolve, reject) => {
    waiting.set(call, { resolve, reject });
    say({ ...message, call });
  });
}

async function open({ folder, tempDirectory, memoryBytesMax }: FlushThreadData): Promise<void> {
  try {
    const source = await openLevelReader(folder);
    try {
      const duckdb = await filesDuckdb(tempDirectory, memoryBytesMax, duckdbThreads).open();
      opened = { source, duckdb };
    } catch (error) {
      await source.close();
      throw error;
    }
    say({ kind: 'opened', error: undefined });
  } catch (error) {
    say({ kind: 'opened', error: sendError(error) });
  }
}

async function close(): Promise<void> {
  const open = opened;
  opened = undefined;
  open?.duckdb.close();
  await open?.source.close();
  say({ kind: 'closed' });
}

async function flush(work: FlushWork, asksFaults: boolean): Promise<void> {
  assert(opened !== undefined, 'a flush comes after what it works with is opened');
  const { source, duckdb } = opened;
  canceled = false;
  let error: SentError | undefined;
  try {
    const scopes = flushFiles(work, {
      source,
      duckdb,
      async faults(step) {
        if (asksFaults) await ask({ kind: 'fault', step });
      },
      async target(userId) {
        const target = await ask({ kind: 'target', userId });
        assert(target !== undefined, 'a target is what was asked for');
        return target;
      },
      // A copy: the buffer that the key is in would be sent as a whole.
      onProgress: (read, key) => say({ kind: 'progress', read, key: new Uint8Array(key) }),
      onWritten: (read) => say({ kind: 'written', read }),
      onLeftBehind: () => say({ kind: 'left behind' }),
      canceled: () => canceled,
    });
    for await (const scope of scopes) say({ kind: 'scope', scope });
  } catch (caught) {
    error = sendError(caught);
  }
  say({ kind: 'end', error });
}

port.on('message', (message: ToFlushThread) => {
  switch (message.kind) {
    case 'flush':
      void flush(receiveWork(message.work), message.asksFaults);
      break;
    case 'cancel':
      canceled = true;
      break;
    case 'answer':
      waiting.get(message.call)!.resolve(message.target);
      waiting.delete(message.call);
      break;
    case 'refusal':
      waiting.get(message.call)!.reject(receiveError(message.error));
      waiting.delete(message.call);
      break;
    case 'open':
      void open(message.data);
      break;
    case 'close':
      void close();
      break;
  }
});
