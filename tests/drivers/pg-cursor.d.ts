/** The part of pg-cursor that the tests use; the package has no types. */
declare module 'pg-cursor' {
  import type { Submittable } from 'pg';

  export default class Cursor<Row> implements Submittable {
    constructor(text: string, values?: readonly unknown[]);
    submit: Submittable['submit'];
    read(count: number): Promise<Row[]>;
    close(): Promise<void>;
  }
}
