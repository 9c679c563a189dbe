/** Bodies of the client's messages, by type byte. */
import { PgError } from '../base/index.ts';
import type {
  CopyDone,
  Flush,
  FrontendMessage,
  InvalidText,
  SessionMessage,
  Sync,
  Terminate,
} from './frontend.ts';
import { authenticationBytesMax, smallMessageBytesMax } from './limits.ts';
import { BodyReader, protocolViolation } from './reader.ts';

const flush: Flush = Object.freeze({ kind: 'flush' });
const sync: Sync = Object.freeze({ kind: 'sync' });
const copyDone: CopyDone = Object.freeze({ kind: 'copyDone' });
const terminate: Terminate = Object.freeze({ kind: 'terminate' });
const noNumbers: readonly number[] = Object.freeze([]);
const noParameters: readonly (Buffer | null)[] = Object.freeze([]);

const tag = (letter: string): number => letter.charCodeAt(0);
const tags = {
  bind: tag('B'),
  close: tag('C'),
  copyData: tag('d'),
  copyDone: tag('c'),
  copyFail: tag('f'),
  describe: tag('D'),
  execute: tag('E'),
  flush: tag('H'),
  functionCall: tag('F'),
  parse: tag('P'),
  password: tag('p'),
  query: tag('Q'),
  sync: tag('S'),
  terminate: tag('X'),
} as const;

/** The longest body allowed for each type byte, length word included; an unknown type throws. */
export function bodyBytesMax(type: number, messageBytesMax: number): number {
  switch (type) {
    case tags.query:
    case tags.parse:
    case tags.bind:
    case tags.copyData:
    case tags.functionCall:
      return messageBytesMax;
    case tags.password:
      return authenticationBytesMax;
    case tags.close:
    case tags.copyDone:
    case tags.copyFail:
    case tags.describe:
    case tags.execute:
    case tags.flush:
    case tags.sync:
    case tags.terminate:
      return smallMessageBytesMax;
    default:
      throw protocolViolation(`invalid frontend message type ${type}`);
  }
}

/** Decodes the body that lies at start to end of `buffer`. Malformed: PgError 08P01, FATAL. */
export function decodeBody(
  type: number,
  buffer: Buffer,
  start: number,
  end: number,
): SessionMessage {
  // The two without text come first: they are the ones that arrive in millions.
  if (type === tags.copyData) return { kind: 'copyData', data: buffer.subarray(start, end) };
  const reader = new BodyReader(buffer, start, end);
  if (type === tags.password) return { kind: 'password', body: reader.rest() };
  try {
    const message = decodeFields(type, reader);
    reader.finish();
    return message;
  } catch (error) {
    if (error instanceof PgError && error.report.severity === 'ERROR') {
      return { kind: 'invalidText', of: textKind(type), error };
    }
    throw error;
  }
}

function textKind(type: number): InvalidText['of'] {
  switch (type) {
    case tags.query:
      return 'query';
    case tags.parse:
      return 'parse';
    case tags.bind:
      return 'bind';
    case tags.describe:
      return 'describe';
    case tags.close:
      return 'close';
    case tags.execute:
      return 'execute';
    default:
      return 'copyFail';
  }
}

function decodeFields(type: number, reader: BodyReader): FrontendMessage | Terminate {
  switch (type) {
    case tags.bind:
      return decodeBind(reader);
    case tags.execute:
      return { kind: 'execute', portal: reader.cstring(), rowsMax: reader.int32() };
    case tags.sync:
      return sync;
    case tags.parse: {
      const statement = reader.cstring();
      const text = reader.cstring();
      const count = reader.uint16();
      if (count === 0) return { kind: 'parse', statement, text, parameterTypes: noNumbers };
      const parameterTypes: number[] = [];
      for (let i = 0; i < count; i++) parameterTypes.push(reader.int32() >>> 0);
      return { kind: 'parse', statement, text, parameterTypes };
    }
    case tags.describe:
      return { kind: 'describe', target: decodeTarget('DESCRIBE', reader), name: reader.cstring() };
    case tags.close:
      return { kind: 'close', target: decodeTarget('CLOSE', reader), name: reader.cstring() };
    case tags.query:
      return { kind: 'query', text: reader.cstring() };
    case tags.flush:
      return flush;
    case tags.copyDone:
      return copyDone;
    case tags.copyFail:
      return { kind: 'copyFail', message: reader.cstring() };
    case tags.functionCall:
      return { kind: 'functionCall', body: reader.rest() };
    case tags.terminate:
      return terminate;
    default:
      throw protocolViolation(`invalid frontend message type ${type}`);
  }
}

function decodeTarget(what: string, reader: BodyReader): 'statement' | 'portal' {
  const subtype = reader.int8();
  if (subtype === 0x53) return 'statement';
  if (subtype === 0x50) return 'portal';
  throw protocolViolation(`invalid ${what} message subtype ${subtype}`);
}

function decodeBind(reader: BodyReader): FrontendMessage {
  const portal = reader.cstring();
  const statement = reader.cstring();
  const parameterFormats = decodeFormats(reader);
  const count = reader.uint16();
  let parameters = noParameters;
  if (count > 0) {
    const values: (Buffer | null)[] = [];
    for (let i = 0; i < count; i++) {
      const length = reader.int32();
      values.push(length === -1 ? null : reader.bytes(length));
    }
    parameters = values;
  }
  const resultFormats = decodeFormats(reader);
  return { kind: 'bind', portal, statement, parameterFormats, parameters, resultFormats };
}

function decodeFormats(reader: BodyReader): readonly number[] {
  const count = reader.uint16();
  if (count === 0) return noNumbers;
  const formats: number[] = [];
  for (let i = 0; i < count; i++) formats.push(reader.uint16());
  return formats;
}
