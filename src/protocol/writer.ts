/**
 * The server's messages (PostgreSQL docs, "Message Formats"), appended to one growing buffer that is used again after
 * each send. Text is UTF-8.
 */
import type { Report } from '../base/index.ts';
import { OutputBuffer } from './buffer.ts';
import { reportFields } from './report.ts';

/** One column of RowDescription. */
export interface FieldDescription {
  readonly name: string;
  /** OID of the table it is a column of, else 0. */
  readonly tableOid: number;
  /** Attribute number within that table, else 0. */
  readonly columnNumber: number;
  readonly typeOid: number;
  /** pg_type.typlen: bytes, negative for variable. */
  readonly typeSize: number;
  /** -1 for none. */
  readonly typeModifier: number;
  /** 0 text, 1 binary; 0 in the description of a statement, where it is not known yet. */
  readonly format: 0 | 1;
}

/** ReadyForQuery's status: idle, in a transaction block, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

const letter = (char: string): number => char.charCodeAt(0);
const tags = {
  authentication: letter('R'),
  backendKeyData: letter('K'),
  bindComplete: letter('2'),
  closeComplete: letter('3'),
  commandComplete: letter('C'),
  copyBothResponse: letter('W'),
  copyData: letter('d'),
  copyDone: letter('c'),
  copyInResponse: letter('G'),
  copyOutResponse: letter('H'),
  dataRow: letter('D'),
  emptyQueryResponse: letter('I'),
  errorResponse: letter('E'),
  negotiateProtocolVersion: letter('v'),
  noData: letter('n'),
  noticeResponse: letter('N'),
  notificationResponse: letter('A'),
  parameterDescription: letter('t'),
  parameterStatus: letter('S'),
  parseComplete: letter('1'),
  portalSuspended: letter('s'),
  readyForQuery: letter('Z'),
  rowDescription: letter('T'),
} as const;

/** A buffer is never longer than this, so that a mark is one number. */
const markStride = 2 ** 31;

export class MessageWriter extends OutputBuffer {
  /** Where the message being written begins. */
  private messageStart = 0;
  /** Offset past the last whole message. */
  private wholeEnd = 0;
  /** Offset past the last ReadyForQuery, 0 for none since the last send. */
  private readyEnd = 0;
  /** Type of the last message that belongs to an answer: not NoticeResponse, NotificationResponse, ParameterStatus. */
  private lastTag = 0;
  /** How often the buffer has been handed on: tells marks of one filling from another's. */
  private sends = 0;

  /** Whether an answer that the client is waiting for is complete in the buffer. */
  get holdsReadyForQuery(): boolean {
    return this.readyEnd !== 0;
  }

  /** Whether the last answer, sent or not, is complete: the client's turn. */
  get atReadyForQuery(): boolean {
    return this.lastTag === tags.readyForQuery;
  }

  override reset(): void {
    this.sends++;
    this.wholeEnd = 0;
    this.readyEnd = 0;
    super.reset();
  }

  override release(): void {
    this.sends++;
    this.wholeEnd = 0;
    this.readyEnd = 0;
    super.release();
  }

  /** Drops a message that was begun and not ended, after an error in the middle of a row. */
  discardUnfinished(): void {
    this.at = this.wholeEnd;
  }

  /** A place to go back to while nothing has been sent since. */
  mark(): number {
    return this.wholeEnd + this.sends * markStride;
  }

  /** Drops every message since `mark`; false when some have been sent already. */
  rewind(mark: number): boolean {
    if (Math.floor(mark / markStride) !== this.sends) return false;
    this.at = mark % markStride;
    this.wholeEnd = this.at;
    this.lastTag = 0;
    return true;
  }

  private begin(tag: number): void {
    this.reserve(5);
    this.messageStart = this.at;
    this.lastTag = tag;
    this.buffer[this.at] = tag;
    this.at += 5;
  }

  private end(): void {
    this.int32At(this.messageStart + 1, this.at - this.messageStart - 1);
    this.wholeEnd = this.at;
  }

  private empty(tag: number): void {
    this.begin(tag);
    this.end();
  }

  /** Whole messages that are encoded already: a cached RowDescription, a batch of DataRows. */
  raw(messages: Uint8Array): void {
    this.bytes(messages);
    this.lastTag = 0;
    this.wholeEnd = this.at;
  }

  // Start-up.

  authenticationOk(): void {
    this.begin(tags.authentication);
    this.int32(0);
    this.end();
  }

  /** `minor` is the newest of protocol 3 that the server speaks to this client; `options` those it does not know. */
  negotiateProtocolVersion(minor: number, options: readonly string[]): void {
    this.begin(tags.negotiateProtocolVersion);
    // The docs say "minor version"; PostgreSQL sends, and libpq expects, the major in the upper half as well.
    this.int32((3 << 16) | minor);
    this.int32(options.length);
    for (const option of options) this.cstring(option);
    this.end();
  }

  parameterStatus(name: string, value: string): void {
    const { lastTag } = this;
    this.begin(tags.parameterStatus);
    this.cstring(name);
    this.cstring(value);
    this.end();
    this.lastTag = lastTag;
  }

  /** The key has 4 bytes in protocol 3.0 and up to 256 in 3.2. */
  backendKeyData(processId: number, secretKey: Uint8Array): void {
    this.begin(tags.backendKeyData);
    this.int32(processId);
    this.bytes(secretKey);
    this.end();
  }

  readyForQuery(status: TransactionStatus): void {
    this.begin(tags.readyForQuery);
    this.int8(letter(status));
    this.end();
    this.readyEnd = this.at;
  }

  // Statements and portals.

  parseComplete(): void {
    this.empty(tags.parseComplete);
  }

  bindComplete(): void {
    this.empty(tags.bindComplete);
  }

  closeComplete(): void {
    this.empty(tags.closeComplete);
  }

  noData(): void {
    this.empty(tags.noData);
  }

  portalSuspended(): void {
    this.empty(tags.portalSuspended);
  }

  emptyQueryResponse(): void {
    this.empty(tags.emptyQueryResponse);
  }

  /** `tag` as PostgreSQL words it: `SELECT 3`, `INSERT 0 1`. */
  commandComplete(tag: string): void {
    this.begin(tags.commandComplete);
    this.cstring(tag);
    this.end();
  }

  parameterDescription(typeOids: readonly number[]): void {
    this.begin(tags.parameterDescription);
    this.int16(typeOids.length);
    for (const oid of typeOids) this.int32(oid);
    this.end();
  }

  rowDescription(fields: readonly FieldDescription[]): void {
    this.begin(tags.rowDescription);
    this.int16(fields.length);
    for (const field of fields) {
      this.cstring(field.name);
      this.int32(field.tableOid);
      this.int16(field.columnNumber);
      this.int32(field.typeOid);
      this.int16(field.typeSize);
      this.int32(field.typeModifier);
      this.int16(field.format);
    }
    this.end();
  }

  // Rows: beginDataRow, one field call a column, endDataRow.

  beginDataRow(fieldCount: number): void {
    this.begin(tags.dataRow);
    this.int16(fieldCount);
  }

  fieldNull(): void {
    this.int32(-1);
  }

  fieldText(value: string): void {
    this.reserve(4);
    const start = this.at;
    this.at = start + 4;
    this.text(value);
    this.int32At(start, this.at - start - 4);
  }

  /** A value in its binary format, or text that is encoded already. */
  fieldBytes(value: Uint8Array): void {
    this.int32(value.length);
    this.bytes(value);
  }

  fieldBool(value: boolean): void {
    this.int32(1);
    this.int8(value ? 1 : 0);
  }

  fieldInt16(value: number): void {
    this.int32(2);
    this.int16(value);
  }

  fieldInt32(value: number): void {
    this.int32(4);
    this.int32(value);
  }

  fieldInt64(value: bigint): void {
    this.int32(8);
    this.reserve(8);
    this.buffer.writeBigInt64BE(value, this.at);
    this.at += 8;
  }

  fieldFloat32(value: number): void {
    this.int32(4);
    this.reserve(4);
    this.buffer.writeFloatBE(value, this.at);
    this.at += 4;
  }

  fieldFloat64(value: number): void {
    this.int32(8);
    this.reserve(8);
    this.buffer.writeDoubleBE(value, this.at);
    this.at += 8;
  }

  endDataRow(): void {
    this.end();
  }

  /** A row whose body (field count, then length and bytes of each) is encoded already. */
  dataRow(body: Uint8Array): void {
    this.begin(tags.dataRow);
    this.bytes(body);
    this.end();
  }

  // COPY.

  /** Text and csv are format 0, binary is 1, for every column alike. */
  copyInResponse(format: 0 | 1, columnCount: number): void {
    this.copyResponse(tags.copyInResponse, format, columnCount);
  }

  copyOutResponse(format: 0 | 1, columnCount: number): void {
    this.copyResponse(tags.copyOutResponse, format, columnCount);
  }

  copyBothResponse(format: 0 | 1, columnCount: number): void {
    this.copyResponse(tags.copyBothResponse, format, columnCount);
  }

  private copyResponse(tag: number, format: 0 | 1, columnCount: number): void {
    this.begin(tag);
    this.int8(format);
    this.int16(columnCount);
    for (let i = 0; i < columnCount; i++) this.int16(format);
    this.end();
  }

  copyData(data: Uint8Array): void {
    this.begin(tags.copyData);
    this.bytes(data);
    this.end();
  }

  copyDataText(data: string): void {
    this.begin(tags.copyData);
    this.text(data);
    this.end();
  }

  copyDone(): void {
    this.empty(tags.copyDone);
  }

  // Reports.

  errorResponse(report: Report): void {
    this.report(tags.errorResponse, report);
  }

  noticeResponse(report: Report): void {
    const { lastTag } = this;
    this.report(tags.noticeResponse, report);
    this.lastTag = lastTag;
  }

  private report(tag: number, report: Report): void {
    this.begin(tag);
    for (const [code, value] of reportFields(report)) {
      this.int8(letter(code));
      this.cstring(value);
    }
    this.int8(0);
    this.end();
  }

  /** NOTIFY's message to a listener. */
  notificationResponse(processId: number, channel: string, payload: string): void {
    const { lastTag } = this;
    this.begin(tags.notificationResponse);
    this.int32(processId);
    this.cstring(channel);
    this.cstring(payload);
    this.end();
    this.lastTag = lastTag;
  }
}
