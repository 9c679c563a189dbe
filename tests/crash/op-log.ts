/** What clients asked for and what came back, on disk before it counts: one JSON line each. */
import { open } from 'node:fs/promises';

export interface OpLog {
  /** Resolves with the operation's number once it is on disk that it will be tried. */
  invoke(client: string, operation: string): Promise<number>;
  /** Resolves once the outcome is on disk. */
  end(operation: number, outcome: 'ok' | 'fail' | 'unknown', detail?: string): Promise<void>;
  note(text: string): Promise<void>;
  close(): Promise<void>;
}

export async function openOpLog(path: string): Promise<OpLog> {
  const file = await open(path, 'a');
  const started = performance.now();
  let last = 0;
  let lines: string[] = [];
  let writing: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    const text = lines.join('');
    lines = [];
    await file.appendFile(text);
    await file.datasync();
  };
  /** Lines that come while others are being synced go together with the next. */
  const synced = (line: object): Promise<void> => {
    lines.push(`${JSON.stringify({ ms: Math.round(performance.now() - started), ...line })}\n`);
    next ??= (async () => {
      await writing;
      writing = next;
      next = undefined;
      await write();
    })();
    return next;
  };
  return {
    async invoke(client, operation) {
      const n = ++last;
      await synced({ n, client, invoke: operation });
      return n;
    },
    end: (n, outcome, detail) => synced({ n, [outcome]: detail ?? true }),
    note: (text) => synced({ note: text }),
    async close() {
      await synced({ note: 'closed' });
      await file.close();
    },
  };
}
