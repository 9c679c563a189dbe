/** Sessions without SQL, for the tests of net: each query's first word says what to do. */
import { PgError } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { FrontendMessage } from '../protocol/index.ts';
import type { ClientInfo, Output, Session, SessionHandler } from '../session/connection.ts';

export interface ToySession extends Session {
  readonly client: ClientInfo;
  readonly handled: FrontendMessage[];
  readonly output: Output;
  cancelled: number;
  terminated: Report | undefined;
  closed: number;
  rowsWritten: number;
}

export interface ToyHandler extends SessionHandler {
  readonly sessions: ToySession[];
}

/**
 * `echo x` one row; `rows n` n rows of 1 kB with flushes; `wait` until cancelled or terminated; `later` a turn later;
 * `throw` breaks; `half` breaks in a row. Start-up: database `refused` is refused, `slow` never opens.
 */
export function toyHandler(): ToyHandler {
  const sessions: ToySession[] = [];
  return {
    sessions,
    async open(_startup, client, output) {
      await Promise.resolve();
      if (client.database === 'slow') await new Promise(() => {});
      if (client.database === 'refused') {
        throw new PgError('3D000', 'database "refused" does not exist');
      }
      output.writer.parameterStatus('server_version', '18.0');
      const session = toySession(sessions.length + 1000, client, output);
      sessions.push(session);
      return session;
    },
  };
}

const kilobyte = 'x'.repeat(1000);

function toySession(processId: number, client: ClientInfo, output: Output): ToySession {
  const { writer } = output;
  let interrupt: ((report: Report) => void) | undefined;

  async function rows(session: ToySession, count: number): Promise<void> {
    for (let i = 0; i < count && !output.closed; i++) {
      writer.beginDataRow(1);
      writer.fieldText(kilobyte);
      writer.endDataRow();
      session.rowsWritten++;
      if (writer.length >= 64 * 1024) await output.flush();
    }
    complete(`SELECT ${count}`);
  }

  function complete(tag: string): void {
    writer.commandComplete(tag);
    writer.readyForQuery('I');
  }

  async function wait(): Promise<void> {
    const report = await new Promise<Report>((resolve) => {
      interrupt = resolve;
    });
    interrupt = undefined;
    if (report.severity === 'FATAL') return;
    writer.errorResponse(report);
    writer.readyForQuery('I');
  }

  function query(session: ToySession, text: string): void | Promise<void> {
    const [word, argument = ''] = text.split(' ', 2);
    switch (word) {
      case 'echo':
        writer.beginDataRow(1);
        writer.fieldText(argument);
        writer.endDataRow();
        complete('SELECT 1');
        return;
      case 'rows':
        return rows(session, Number(argument));
      case 'wait':
        return wait();
      case 'later':
        return new Promise((resolve) => {
          setImmediate(() => {
            complete(text);
            resolve();
          });
        });
      case 'half':
        writer.beginDataRow(2);
        writer.fieldText('half');
        throw new Error('broken in a row');
      case 'stop':
        output.terminate({ severity: 'FATAL', code: '57P05', message: 'stopped' });
        return;
      default:
        throw new Error(`broken by ${text}`);
    }
  }

  return {
    processId,
    secretKey: Buffer.alloc(client.secretKeyBytes, processId & 0xff),
    client,
    output,
    handled: [],
    cancelled: 0,
    terminated: undefined,
    closed: 0,
    rowsWritten: 0,
    receive(message) {
      this.handled.push(message);
      switch (message.kind) {
        case 'query':
          return query(this, message.text);
        case 'bind':
          writer.bindComplete();
          return;
        case 'execute':
          writer.commandComplete('SELECT 0');
          return;
        case 'sync':
          writer.readyForQuery('I');
          return;
        case 'parse':
          writer.parseComplete();
          return;
        default:
          return;
      }
    },
    cancel() {
      this.cancelled++;
      interrupt?.({
        severity: 'ERROR',
        code: '57014',
        message: 'canceling statement due to user request',
      });
    },
    terminate(report) {
      this.terminated = report;
      interrupt?.(report);
    },
    async close() {
      this.closed++;
    },
  };
}
