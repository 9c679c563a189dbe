/** Judges a StartupMessage: version, options, who may come in. Follows PostgreSQL 18's ProcessStartupPacket. */
import { notSupported, PgError, SqlState } from '../base/index.ts';
import type { StartupMessage } from '../protocol/index.ts';

/** The newest minor version of protocol 3 spoken here. 3.1 was never used by anyone. */
const newestMinor = 2;
/** Secret keys: 3.0 has room for 4 bytes, 3.2 for up to 256; PostgreSQL 18 uses 32. */
const shortKeyBytes = 4;
const longKeyBytes = 32;

export interface Negotiated {
  /** What will be spoken: 0 or 2. */
  readonly minor: number;
  /** Whether the client has to be told, because it asked for something else. */
  readonly tell: boolean;
  readonly secretKeyBytes: number;
}

export function fatal(code: string, message: string): PgError {
  return new PgError(code, message, { severity: 'FATAL' });
}

export function negotiate(startup: StartupMessage): Negotiated {
  const { major, minor, protocolOptions } = startup;
  if (major !== 3) {
    throw fatal(
      SqlState.featureNotSupported,
      `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${newestMinor}`,
    );
  }
  const spoken = minor >= newestMinor ? newestMinor : 0;
  return {
    minor: spoken,
    tell: spoken !== minor || protocolOptions.length > 0,
    secretKeyBytes: spoken >= 2 ? longKeyBytes : shortKeyBytes,
  };
}

/** User and database of the session, after PostgreSQL's rules. */
export function identify(startup: StartupMessage): { user: string; database: string } {
  const user = startup.parameters.get('user') ?? '';
  if (user === '') {
    throw fatal(
      SqlState.invalidAuthorizationSpecification,
      'no PostgreSQL user name specified in startup packet',
    );
  }
  const replication = startup.parameters.get('replication') ?? 'false';
  if (!['false', 'off', 'no', '0'].includes(replication.toLowerCase())) {
    throw notSupported('replication', { severity: 'FATAL' });
  }
  const database = startup.parameters.get('database') ?? '';
  return { user, database: database === '' ? user : database };
}

/** Only loopback is trusted; anyone else would need a password, which does not exist yet. */
export function admit(remoteAddress: string, user: string, database: string): void {
  const address = remoteAddress.replace(/^::ffff:/i, '');
  if (address === '::1' || address.startsWith('127.')) return;
  throw fatal(
    SqlState.invalidAuthorizationSpecification,
    `no pg_hba.conf entry for host "${address}", user "${user}", database "${database}", no encryption`,
  );
}
