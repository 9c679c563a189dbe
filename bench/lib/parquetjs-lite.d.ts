/** The part of parquetjs-lite, which has no types, that the bench uses. */
declare module 'parquetjs-lite' {
  interface Field {
    readonly type: string;
    readonly compression?: string;
  }
  class ParquetSchema {
    constructor(fields: Readonly<Record<string, Field>>);
  }
  interface Writer {
    setRowGroupSize(rows: number): void;
    appendRow(row: object): Promise<void>;
    close(): Promise<void>;
  }
  const parquetjs: {
    readonly ParquetSchema: typeof ParquetSchema;
    readonly ParquetWriter: {
      openFile(schema: ParquetSchema, path: string): Promise<Writer>;
    };
  };
  export default parquetjs;
}
