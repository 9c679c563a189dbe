/** One session of a scenario: sends a statement and lets others look whether the answer has come. */
import type { BackendMessage } from '../../support/backend.ts';
import * as frontend from '../../support/frontend.ts';
import { WireClient } from '../../support/wire-client.ts';

export type Protocol = 'simple' | 'extended';

export interface ScenarioSession {
  readonly name: string;
  readonly processId: number;
  /** Whether the statement sent last has its answer, or the connection has ended. */
  answered(): boolean;
  /** What has come since it was asked last. */
  take(): readonly BackendMessage[];
  send(sql: string): void;
  /** Sends and waits for the answer, however long that takes. */
  ask(sql: string): Promise<readonly BackendMessage[]>;
  /** A CancelRequest on a connection of its own; resolves when the server has closed that. */
  cancel(): Promise<void>;
  /** Whether the server has closed the connection. */
  ended(): boolean;
  /** Leaves as drivers do, and waits until the server has closed the connection. */
  close(): Promise<void>;
}

const manyStatements = /;\s*\S/;

function messagesOf(sql: string, protocol: Protocol): Buffer[] {
  if (protocol === 'simple' || manyStatements.test(sql)) return [frontend.query(sql)];
  return [
    frontend.parse('', sql),
    frontend.bind(),
    frontend.describe('portal'),
    frontend.execute(),
    frontend.sync(),
  ];
}

export async function openScenarioSession(
  name: string,
  port: number,
  protocol: Protocol,
): Promise<ScenarioSession> {
  const client = await WireClient.open(port, { user: 'postgres', database: 'postgres' });
  const { key } = client;

  function send(sql: string): void {
    client.messages.length = 0;
    client.send(...messagesOf(sql, protocol));
  }

  return {
    name,
    processId: key.processId,
    answered: () => client.ended || client.messages.some(({ type }) => type === 'ReadyForQuery'),
    take: () => client.messages.splice(0),
    send,
    async ask(sql) {
      client.messages.length = 0;
      client.send(frontend.query(sql));
      return await client.until('ReadyForQuery');
    },
    async cancel() {
      const other = await WireClient.connect(port);
      other.send(frontend.cancelRequest(key.processId, key.secretKey));
      await other.untilEnd();
      other.close();
    },
    ended: () => client.ended,
    async close() {
      if (!client.ended) {
        client.send(frontend.terminate());
        await client.untilEnd();
      }
      client.close();
    },
  };
}
