/**
 * One socket, from accept to close: start-up, then messages one at a time to the session, answers back.
 *
 *   startup -> opening -> open -> closing -> closed
 *
 * `pump` is the loop: while messages are there and the session answers synchronously, everything happens in one turn of
 * the event loop, with one write at its end, which waits for those of other connections (WriteBatch).
 */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { assert, reportOf, SqlState } from '../base/index.ts';
import type { Clock, Report } from '../base/index.ts';
import { FrontendDecoder, protocolViolation } from '../protocol/index.ts';
import type { CancelRequest, SessionMessage, StartupMessage } from '../protocol/index.ts';
import { outputChunkBytes } from '../session/connection.ts';
import type { ClientInfo, Session, SessionHandler } from '../session/connection.ts';
import type { ListenerLimits } from './limits.ts';
import { messagesPerTurnMax } from './limits.ts';
import { SocketOutput } from './output.ts';
import { admit, fatal, identify, negotiate } from './start-up.ts';
import type { WriteBatch } from './write-batch.ts';

/** What a connection needs of its listener. */
export interface ConnectionHost {
  readonly sessions: SessionHandler;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: ListenerLimits;
  readonly writes: WriteBatch;
  /** Takes one of `connectionsMax` places; false when there is none. */
  enter(connection: Connection): boolean;
  /** The session exists and may be cancelled. */
  opened(connection: Connection, session: Session): void;
  /** The connection has ended, its session is closed. */
  left(connection: Connection): void;
  cancel(request: CancelRequest): void;
}

const shutdownReport: Report = {
  severity: 'FATAL',
  code: SqlState.adminShutdown,
  message: 'terminating connection due to administrator command',
};
const startingReport: Report = {
  severity: 'FATAL',
  code: SqlState.cannotConnectNow,
  message: 'the database system is shutting down',
};

export class Connection {
  readonly id: number;
  session: Session | undefined;
  private phase: 'startup' | 'opening' | 'open' | 'closing' | 'closed' = 'startup';
  private readonly socket: Socket;
  private readonly host: ConnectionHost;
  private readonly decoder: FrontendDecoder;
  private readonly output: SocketOutput;
  private readonly startedMs: number;
  private readonly remote: string;
  private readonly startupTimer: NodeJS.Timeout;
  private lingerTimer: NodeJS.Timeout | undefined;
  /** The session has a message, or the client is behind, or it is another connection's turn: `pump` waits. */
  private busy = false;
  private pumping = false;
  /** SessionHandler.open has not settled: there may be a session to close when it does. */
  private openInFlight = false;
  /** The client has sent its last byte. */
  private inputEnded = false;
  /** SSLRequest and GSSENCRequest may each come once. */
  private sslAsked = false;
  private gssAsked = false;
  /** The report to close with as soon as the session lets go. */
  private ending: Report | undefined;
  private draining = false;
  private sessionClosed = false;
  private logFields: Record<string, unknown>;

  constructor(id: number, socket: Socket, host: ConnectionHost) {
    this.id = id;
    this.socket = socket;
    this.host = host;
    this.startedMs = host.clock.monotonicMs();
    this.remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    this.logFields = { connection: id, remote: this.remote };
    this.decoder = new FrontendDecoder({ messageBytesMax: host.limits.messageBytesMax });
    this.output = new SocketOutput(socket, host.limits.outputBytesMax, (report) => {
      this.terminate(report);
    });
    this.startupTimer = setTimeout(() => {
      this.startupTimedOut();
    }, host.limits.authenticationTimeoutMs);
    socket.on('data', (chunk: Buffer) => {
      this.received(chunk);
    });
    socket.on('end', () => {
      this.inputEnded = true;
      this.advance();
    });
    socket.on('error', (error) => {
      host.log.debug({ ...this.logFields, error: error.message }, 'socket error');
    });
    socket.on('close', () => {
      this.lost();
    });
  }

  // Input.

  private received(chunk: Buffer): void {
    if (this.phase === 'closing' || this.phase === 'closed') return;
    this.decoder.push(chunk);
    this.advance();
    if (this.waiting && this.decoder.bufferedBytes > this.host.limits.commandQueueBytesMax) {
      this.socket.pause();
    }
  }

  private get waiting(): boolean {
    return this.busy || this.phase === 'opening';
  }

  private advance(): void {
    if (this.phase === 'startup') this.startUp();
    else if (this.phase === 'open') this.pump();
  }

  // Start-up.

  private startUp(): void {
    try {
      while (this.phase === 'startup') {
        const packet = this.decoder.nextStartup();
        if (packet === undefined) break;
        switch (packet.kind) {
          case 'sslRequest':
            // PostgreSQL takes a second one for a version number, and refuses that.
            if (this.sslAsked) throw unsupportedVersion(5679);
            this.sslAsked = true;
            this.socket.write('N');
            break;
          case 'gssEncRequest':
            if (this.gssAsked) throw unsupportedVersion(5680);
            this.gssAsked = true;
            this.socket.write('N');
            break;
          case 'cancelRequest':
            this.host.cancel(packet);
            this.finish(undefined);
            break;
          case 'startup':
            this.phase = 'opening';
            void this.opening(packet);
            break;
        }
      }
    } catch (error) {
      this.fail(error);
    }
    if (this.inputEnded && this.phase === 'startup') this.finish(undefined);
  }

  private async opening(startup: StartupMessage): Promise<void> {
    this.openInFlight = true;
    try {
      await this.open(startup);
    } catch (error) {
      this.fail(error);
    } finally {
      this.openInFlight = false;
      // The client went away, or its time was over, or it was refused.
      if (this.phase !== 'open') void this.closeSession();
    }
    this.pump();
  }

  private async open(startup: StartupMessage): Promise<void> {
    const { host, output } = this;
    const negotiated = negotiate(startup);
    const { user, database } = identify(startup);
    this.logFields = {
      ...this.logFields,
      user,
      database,
      application_name: startup.parameters.get('application_name') ?? '',
    };
    if (negotiated.tell) {
      output.writer.negotiateProtocolVersion(negotiated.minor, startup.protocolOptions);
    }
    const client: ClientInfo = {
      connectionId: this.id,
      remoteAddress: this.socket.remoteAddress ?? '',
      remotePort: this.socket.remotePort ?? 0,
      user,
      database,
      protocolMinor: negotiated.minor,
      secretKeyBytes: negotiated.secretKeyBytes,
    };
    admit(client.remoteAddress, user, database);
    if (!host.enter(this)) {
      throw fatal(SqlState.tooManyConnections, 'sorry, too many clients already');
    }
    output.writer.authenticationOk();
    const session = await host.sessions.open(startup.parameters, client, output);
    assert(session.secretKey.length === client.secretKeyBytes, 'secret key of the wrong length');
    this.session = session;
    clearTimeout(this.startupTimer);
    if (this.phase !== 'opening') return;
    host.opened(this, session);
    this.phase = 'open';
    this.logFields = { ...this.logFields, pid: session.processId };
    host.log.info({ ...this.logFields, ms: this.ageMs() }, 'connection opened');
    output.writer.backendKeyData(session.processId, session.secretKey);
    output.writer.readyForQuery('I');
  }

  private startupTimedOut(): void {
    if (this.phase !== 'startup' && this.phase !== 'opening') return;
    this.fail(fatal(SqlState.queryCanceled, 'canceling authentication due to timeout'));
  }

  // Messages.

  private pump(): void {
    if (this.busy || this.pumping || this.phase !== 'open') return;
    this.pumping = true;
    try {
      this.handleMessages();
    } catch (error) {
      this.fail(error);
    } finally {
      this.pumping = false;
    }
  }

  private handleMessages(): void {
    const { decoder, output } = this;
    for (let handled = 0; ; handled++) {
      if (this.ending !== undefined) {
        this.finish(this.ending);
        return;
      }
      if (this.draining && output.writer.atReadyForQuery) {
        this.finish(shutdownReport);
        return;
      }
      if (handled === messagesPerTurnMax) {
        this.busy = true;
        setImmediate(this.resume);
        return;
      }
      const message = decoder.next();
      if (message === undefined) break;
      if (this.handle(message)) return;
    }
    if (output.writer.length > 0 && !this.inputEnded && !this.socket.isPaused()) {
      this.host.writes.add(this.writeAnswers);
      return;
    }
    if (this.await(output.flush())) return;
    if (this.inputEnded) this.finish(undefined);
    else if (this.socket.isPaused()) this.socket.resume();
  }

  private readonly writeAnswers = (): void => {
    // Otherwise the end of the connection has written them.
    if (this.phase !== 'open') return;
    const behind = this.output.flush();
    if (!this.busy) this.await(behind);
  };

  /** Hands one message to the session. True when what follows has to wait. */
  private handle(message: SessionMessage): boolean {
    const { output } = this;
    if (message.kind === 'terminate') {
      this.finish(undefined);
      return true;
    }
    if (message.kind === 'password') throw protocolViolation('invalid frontend message type 112');
    const pending = this.session!.receive(message);
    if (pending !== undefined) {
      this.busy = true;
      // The session may take long: the client gets what is complete.
      if (output.writer.holdsReadyForQuery) void output.flush();
      if (this.ending !== undefined) this.session!.terminate(this.ending);
      pending.then(this.resume, this.failed);
      return true;
    }
    if (message.kind === 'flush' || output.writer.length >= outputChunkBytes) {
      return this.await(output.flush());
    }
    return false;
  }

  private await(pending: void | Promise<void>): boolean {
    if (pending === undefined) return false;
    this.busy = true;
    pending.then(this.resume, this.failed);
    return true;
  }

  private readonly resume = (): void => {
    this.busy = false;
    if (this.phase === 'closed') {
      void this.closeSession();
      return;
    }
    if (
      this.socket.isPaused() &&
      this.decoder.bufferedBytes <= this.host.limits.commandQueueBytesMax / 2
    ) {
      this.socket.resume();
    }
    this.pump();
  };

  private readonly failed = (error: unknown): void => {
    this.busy = false;
    if (this.phase === 'closed') void this.closeSession();
    else this.fail(error);
  };

  // The end.

  /** Ends the connection because of what was thrown. */
  private fail(error: unknown): void {
    const report = reportOf(error);
    if (report.code === SqlState.internalError) {
      this.host.log.error({ ...this.logFields, err: error }, 'internal error');
    }
    this.finish(report);
  }

  /** Output.terminate, and a stop that has waited long enough. */
  terminate(report: Report): void {
    if (this.phase === 'closing' || this.phase === 'closed') return;
    this.ending ??= report;
    if (this.phase === 'open') {
      if (this.busy) {
        this.session!.terminate(this.ending);
        // It may be waiting for a client that does not read.
        this.watchLinger((unsentBytes) => unsentBytes > 0);
      } else {
        this.pump();
      }
    }
  }

  /** Stops at the next point where the client has nothing under way. */
  drain(): void {
    this.draining = true;
    if (this.phase === 'startup' || this.phase === 'opening') this.finish(startingReport);
    else this.pump();
  }

  forceStop(): void {
    this.terminate(shutdownReport);
  }

  /** Gives up on a session that does not let go. */
  destroy(): void {
    this.socket.destroy();
    this.busy = false;
    void this.closeSession();
  }

  /** Sends `report` if there is one, closes the session, then the socket. */
  private finish(report: Report | undefined): void {
    if (this.phase === 'closing' || this.phase === 'closed') return;
    this.phase = 'closing';
    clearTimeout(this.startupTimer);
    const { output, socket } = this;
    output.writer.discardUnfinished();
    if (report !== undefined) {
      output.writer.errorResponse({ ...report, severity: 'FATAL' });
      this.logFields = { ...this.logFields, code: report.code, reason: report.message };
    }
    void output.flush();
    this.decoder.clear();
    socket.end();
    // What the client still sends is read and dropped: closing with unread input would make the kernel take back our report.
    if (this.inputEnded) socket.destroySoon();
    else socket.resume();
    this.watchLinger(() => true);
    void this.closeSession();
  }

  /**
   * Destroys the socket when its client has taken nothing for `closeLingerMs` and `giveUp` agrees. One that reads, however
   * slowly, gets everything.
   */
  private watchLinger(giveUp: (unsentBytes: number) => boolean): void {
    const { socket } = this;
    let before = socket.writableLength;
    clearInterval(this.lingerTimer);
    this.lingerTimer = setInterval(() => {
      const unsentBytes = socket.writableLength;
      if ((unsentBytes === 0 || unsentBytes === before) && giveUp(unsentBytes)) socket.destroy();
      before = unsentBytes;
    }, this.host.limits.closeLingerMs);
  }

  /** The socket is closed, by whomever. */
  private lost(): void {
    clearTimeout(this.startupTimer);
    clearInterval(this.lingerTimer);
    this.output.close();
    const before = this.phase;
    this.phase = 'closed';
    this.decoder.clear();
    const fields = { ...this.logFields, ms: this.ageMs() };
    this.host.log.info(fields, 'connection closed');
    if (this.busy) {
      // Nobody waits for the answer any more.
      this.session?.cancel();
    } else if (before !== 'closing') {
      void this.closeSession();
    }
  }

  private async closeSession(): Promise<void> {
    if (this.sessionClosed || this.openInFlight) return;
    this.sessionClosed = true;
    try {
      await this.session?.close();
    } catch (error) {
      this.host.log.error({ ...this.logFields, err: error }, 'session did not close cleanly');
    }
    this.host.left(this);
  }

  private ageMs(): number {
    return Math.round((this.host.clock.monotonicMs() - this.startedMs) * 10) / 10;
  }
}

function unsupportedVersion(minor: number): Error {
  return fatal(
    SqlState.featureNotSupported,
    `unsupported frontend protocol 1234.${minor}: server supports 3.0 to 3.2`,
  );
}
