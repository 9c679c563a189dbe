/** Start-up packets: the only messages without a type byte (PostgreSQL's ProcessStartupPacket). */
import { decodeText } from './text.ts';
import { protocolViolation } from './reader.ts';
import { cancelKeyBytesMax } from './limits.ts';
import type { GssEncRequest, SslRequest, StartupPacket } from './frontend.ts';

const cancelRequestCode = (1234 << 16) | 5678;
const sslRequestCode = (1234 << 16) | 5679;
const gssEncRequestCode = (1234 << 16) | 5680;

const sslRequest: SslRequest = Object.freeze({ kind: 'sslRequest' });
const gssEncRequest: GssEncRequest = Object.freeze({ kind: 'gssEncRequest' });

/** `packet` is a whole packet, length word included (at least 8 bytes). */
export function decodeStartupPacket(packet: Buffer): StartupPacket {
  const code = packet.readUInt32BE(4);
  if (code === cancelRequestCode) {
    const keyBytes = packet.length - 12;
    if (keyBytes < 1 || keyBytes > cancelKeyBytesMax) {
      throw protocolViolation('invalid length of cancel request packet');
    }
    return {
      kind: 'cancelRequest',
      processId: packet.readInt32BE(8),
      secretKey: packet.subarray(12),
    };
  }
  if (code === sslRequestCode && packet.length === 8) return sslRequest;
  if (code === gssEncRequestCode && packet.length === 8) return gssEncRequest;
  const major = code >>> 16;
  const minor = code & 0xffff;
  const parameters = new Map<string, string>();
  const protocolOptions: string[] = [];
  if (major === 3) decodeParameters(packet, parameters, protocolOptions);
  return { kind: 'startup', major, minor, parameters, protocolOptions };
}

function decodeParameters(
  packet: Buffer,
  parameters: Map<string, string>,
  protocolOptions: string[],
): void {
  const misplaced = 'invalid startup packet layout: expected terminator as last byte';
  let at = 8;
  while (at < packet.length && packet[at] !== 0) {
    const nameEnd = packet.indexOf(0, at);
    const valueEnd = nameEnd < 0 ? -1 : packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) throw protocolViolation(misplaced);
    const name = decodeText(packet, at, nameEnd);
    if (name.startsWith('_pq_.')) protocolOptions.push(name);
    else parameters.set(name, decodeText(packet, nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
  if (at !== packet.length - 1) throw protocolViolation(misplaced);
}
