import { checkSize, invalidInput } from './input-error.ts';
import { defineType } from './define-type.ts';
import { Oid } from './oid.ts';

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Hyphens may follow any group of four digits. */
const accepted = /^(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$/;

function withDashes(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function parseUuid(text: string): string {
  if (text.length === 36 && canonical.test(text)) return text;
  const braced = text.startsWith('{');
  if (braced && !text.endsWith('}')) throw invalidInput('uuid', text);
  const inner = braced ? text.slice(1, -1) : text;
  if (!accepted.test(inner)) throw invalidInput('uuid', text);
  return withDashes(inner.replaceAll('-', '').toLowerCase());
}

const encodeUuid = (value: string): Uint8Array => Buffer.from(value.replaceAll('-', ''), 'hex');

export const uuidType = defineType<string>({
  oid: Oid.uuid,
  name: 'uuid',
  sqlName: 'uuid',
  size: 16,
  parse: parseUuid,
  format: (value) => value,
  decode(bytes) {
    checkSize(bytes, 16);
    return withDashes(Buffer.from(bytes).toString('hex'));
  },
  encode: encodeUuid,
  compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  encodeKey: (writer, value) => writer.bytes(encodeUuid(value)),
});
