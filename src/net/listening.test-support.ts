/** What the tests of net share: a listener over toy sessions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import * as frontend from '../../tests/support/frontend.ts';
import type { WireClient } from '../../tests/support/wire-client.ts';
import { createListener } from './index.ts';
import type { Listener, ListenerOptions } from './index.ts';
import { toyHandler } from './toy-sessions.test-support.ts';
import type { ToyHandler } from './toy-sessions.test-support.ts';

/** Stopped after each test. */
export const listeners: Listener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.stop({ drainMs: 0 })));
});

export interface Started {
  readonly listener: Listener;
  readonly port: number;
  readonly handler: ToyHandler;
  readonly log: Record<string, unknown>[];
}

export async function start(options: Partial<ListenerOptions> = {}): Promise<Started> {
  const log: Record<string, unknown>[] = [];
  const handler = toyHandler();
  const listener = await createListener({
    host: '127.0.0.1',
    port: 0,
    sessions: handler,
    log: pino(
      {},
      { write: (line: string) => log.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    ...options,
  });
  listeners.push(listener);
  return { listener, port: listener.port, handler, log };
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(2);
  }
}

export const types = (messages: readonly { readonly type: string }[]): string[] =>
  messages.map((message) => message.type);

export async function echo(client: WireClient, text: string): Promise<unknown> {
  client.send(frontend.query(`echo ${text}`));
  const [row] = await client.until('ReadyForQuery');
  return row?.['values'];
}
