/** What stands for a password in pg_authid.rolpassword: crypt.c, auth-scram.c and RFC 5803. */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import type { RandomBytes } from '../../base/index.ts';
import { notSupported } from '../../base/index.ts';
import { saslprep } from './saslprep.ts';

/** Of SHA-256. */
const keyBytes = 32;
/** SCRAM_DEFAULT_SALT_LEN. */
const saltBytes = 16;
/**
 * Rounds of PBKDF2 at most: some 0.3 s in a thread of Node's pool, where LevelDB works too. They can't be interrupted.
 */
const scramIterationsMax = 1_000_000;

export interface PasswordRules {
  /** password_encryption. */
  readonly encryption: 'scram-sha-256' | 'md5';
  /** scram_iterations. */
  readonly iterations: number;
  readonly random: RandomBytes;
}

const derive = promisify(pbkdf2);

/** Strict, as pg_b64_decode. */
function base64(text: string): Buffer | undefined {
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return valid ? Buffer.from(text, 'base64') : undefined;
}

/** parse_scram_secret */
function isScramVerifier(text: string): boolean {
  const match = /^SCRAM-SHA-256\$([^:]*):([^$]*)\$([^:]*):(.*)$/s.exec(text);
  if (match === null) return false;
  const [, iterations = '', salt = '', storedKey = '', serverKey = ''] = match;
  return (
    // As strtol takes it.
    /^(?:\s*[+-]?\d+)?$/.test(iterations) &&
    Math.abs(Number(iterations)) < 2 ** 31 &&
    base64(salt) !== undefined &&
    base64(storedKey)?.length === keyBytes &&
    base64(serverKey)?.length === keyBytes
  );
}

/** Whether PostgreSQL takes it as it is, instead of as a password. */
export function isVerifier(text: string): boolean {
  return /^md5[0-9a-f]{32}$/.test(text) || isScramVerifier(text);
}

/** `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` */
export async function scramVerifier(
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<string> {
  // One that SASLprep refuses is taken as its bytes.
  const prepared = Buffer.from(saslprep(password) ?? password, 'utf8');
  const salted = await derive(prepared, salt, iterations, keyBytes, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

/**
 * encrypt_password: what is to be kept for a role's password. One that is a verifier already stays as it is, and so does an empty
 * one, which PostgreSQL refuses by itself. @throws 0A000 for more iterations than scramIterationsMax
 */
export async function verifierOf(
  password: string,
  role: string,
  { encryption, iterations, random }: PasswordRules,
): Promise<string> {
  if (password === '' || isVerifier(password)) return password;
  if (encryption === 'md5') {
    return `md5${createHash('md5').update(password, 'utf8').update(role, 'utf8').digest('hex')}`;
  }
  if (iterations > scramIterationsMax) {
    throw notSupported(`scram_iterations above ${scramIterationsMax}`);
  }
  return await scramVerifier(password, random(saltBytes), iterations);
}
