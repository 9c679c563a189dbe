/** The TCP listener: accepts sockets, keeps the table of connections, matches CancelRequests, stops gracefully. */
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Logger } from 'pino';
import { PgError, SqlState, systemClock } from '../base/index.ts';
import type { Clock, Report } from '../base/index.ts';
import { MessageWriter } from '../protocol/index.ts';
import type { CancelRequest } from '../protocol/index.ts';
import type { Session, SessionHandler } from '../session/connection.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection.ts';
import { defaultLimits, forceStopMs, startupsMin } from './limits.ts';
import type { ListenerLimits } from './limits.ts';
import { writeBatch } from './write-batch.ts';
import { fatal } from './start-up.ts';

export interface ListenerOptions extends Partial<ListenerLimits> {
  readonly host: string;
  /** 0 takes a free one; see Listener.port. */
  readonly port: number;
  readonly sessions: SessionHandler;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Connections that hold one of the `connectionsMax` places. */
  readonly sessionCount: number;
  /**
   * Ends every connection with `report` and goes on accepting new ones. Statements in flight are aborted; a session that does not
   * let go loses its socket after `forceStopMs`. Resolves when all those sessions are closed, or given up on after as long again.
   */
  endSessions(report: Report): Promise<void>;
  /**
   * Refuses new connections, ends idle ones with 57P01, others after their statement. What is still busy after `drainMs`
   * has its statement cancelled, then its socket destroyed. Resolves when every session is closed.
   */
  stop(options: { drainMs: number }): Promise<void>;
}

/** Waits until the port is taken; a PgError that names host:port when it can't be. */
export async function createListener(options: ListenerOptions): Promise<Listener> {
  const limits: ListenerLimits = { ...defaultLimits, ...options };
  const connections = new Set<Connection>();
  const entered = new Set<Connection>();
  const byProcessId = new Map<number, Session>();
  let nextId = 1;
  let allLeft: (() => void) | undefined;
  const leftListeners = new Set<(connection: Connection) => void>();

  const host: ConnectionHost = {
    sessions: options.sessions,
    clock: options.clock ?? systemClock,
    log: options.log,
    limits,
    writes: writeBatch(),
    enter(connection) {
      if (entered.size >= limits.connectionsMax) return false;
      entered.add(connection);
      return true;
    },
    opened(_connection, session) {
      byProcessId.set(session.processId, session);
    },
    left(connection) {
      connections.delete(connection);
      entered.delete(connection);
      const { session } = connection;
      if (session !== undefined && byProcessId.get(session.processId) === session) {
        byProcessId.delete(session.processId);
      }
      for (const listener of leftListeners) listener(connection);
      if (connections.size === 0) allLeft?.();
    },
    cancel(request) {
      cancel(byProcessId.get(request.processId), request);
    },
  };

  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
    if (connections.size >= 2 * limits.connectionsMax + startupsMin) {
      refuse(socket, limits.closeLingerMs);
      return;
    }
    connections.add(new Connection(nextId++, socket, host));
  });
  await listen(server, options.host, options.port);
  server.on('error', (error) => {
    options.log.error({ err: error }, 'listener failed to accept a connection');
  });

  return {
    host: options.host,
    port: (server.address() as AddressInfo).port,
    get sessionCount() {
      return entered.size;
    },
    async endSessions(report) {
      const ending = new Set(entered);
      if (ending.size === 0) return;
      const { promise: allEnded, resolve } = Promise.withResolvers<void>();
      const left = (connection: Connection): void => {
        ending.delete(connection);
        if (ending.size === 0) resolve();
      };
      leftListeners.add(left);
      const steps = [
        setTimeout(() => {
          for (const connection of ending) connection.destroy();
        }, forceStopMs),
        setTimeout(() => {
          options.log.error({ connections: ending.size }, 'sessions did not close');
          resolve();
        }, 2 * forceStopMs),
      ];
      for (const connection of ending) connection.terminate(report);
      await allEnded;
      leftListeners.delete(left);
      for (const step of steps) clearTimeout(step);
    },
    async stop({ drainMs }) {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      const left = new Promise<void>((resolve) => {
        allLeft = resolve;
        if (connections.size === 0) resolve();
      });
      for (const connection of connections) connection.drain();
      const steps = [
        setTimeout(() => {
          for (const connection of connections) connection.forceStop();
        }, drainMs),
        setTimeout(() => {
          for (const connection of connections) connection.destroy();
        }, drainMs + forceStopMs),
        setTimeout(
          () => {
            options.log.error({ connections: connections.size }, 'sessions did not close');
            allLeft?.();
          },
          drainMs + 2 * forceStopMs,
        ),
      ];
      await left;
      for (const step of steps) clearTimeout(step);
      await closed;
    },
  };
}

/** Compares in constant time, so that the key can't be guessed byte by byte. */
function cancel(session: Session | undefined, request: CancelRequest): void {
  if (session === undefined) return;
  const { secretKey } = session;
  if (secretKey.length !== request.secretKey.length) return;
  if (timingSafeEqual(secretKey, request.secretKey)) session.cancel();
}

/** So many sockets that not even a start-up packet is read. */
function refuse(socket: Socket, closeLingerMs: number): void {
  const writer = new MessageWriter();
  writer.errorResponse(
    fatal(SqlState.tooManyConnections, 'sorry, too many clients already').report,
  );
  socket.on('error', () => {
    socket.destroy();
  });
  socket.setTimeout(closeLingerMs, () => {
    socket.destroy();
  });
  socket.resume();
  socket.end(writer.contents());
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(listenError(error, host, port));
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): PgError {
  const shownHost = host.includes(':') ? `[${host}]` : host;
  const where = `could not listen on ${shownHost}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new PgError(SqlState.objectInUse, `${where}: address already in use`, {
        severity: 'FATAL',
        hint: `Is another server already running on port ${port}? Stop it or choose another port.`,
      });
    case 'EACCES':
      return new PgError(SqlState.insufficientPrivilege, `${where}: permission denied`, {
        severity: 'FATAL',
        hint: 'Ports below 1024 are for privileged users; choose a higher one.',
      });
    default:
      return new PgError(SqlState.ioError, `${where}: ${error.message}`, { severity: 'FATAL' });
  }
}
