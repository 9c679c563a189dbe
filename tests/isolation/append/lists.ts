/** A table of lists, and the statements that read them and append to them in as many ways as SQL has. */
import type pg from 'pg';
import type { Random } from '../../crash/random.ts';
import type { Operation } from './history.ts';

export interface ListsOptions {
  /** Its name; dropped and made. */
  readonly table: string;
  readonly user: boolean;
  /** Lists are kept as integer[] or as text with commas. */
  readonly column: 'array' | 'text';
  /** How many lists are in use at a time: few make conflicts. */
  readonly keys: number;
}

/** A list that was appended to so often gives way to a new one, so that lists stay short. */
const appendsPerKeyMax = 24;

type Row = { readonly k: number; readonly v: readonly number[] | string };

const parse = (v: Row['v']): readonly number[] =>
  typeof v === 'string' ? v.split(',').map(Number) : v;

export class Lists {
  readonly table: string;
  private readonly options: ListsOptions;
  /** In use. */
  private readonly keys: number[];
  private keysMade: number;
  private valuesMade = 0;
  private readonly appends = new Map<number, number>();
  /** Of named statements: text to name. */
  private readonly names = new Map<string, string>();

  constructor(options: ListsOptions) {
    this.options = options;
    this.table = options.table;
    this.keys = Array.from({ length: options.keys }, (_, index) => index);
    this.keysMade = options.keys;
  }

  async create(owner: pg.Client): Promise<void> {
    const { table, user, column } = this.options;
    const type = column === 'array' ? 'int[]' : 'text';
    await owner.query(`drop table if exists ${table}`);
    await owner.query(
      `create ${user ? 'user ' : ''}table ${table} (k int primary key, s int not null, v ${type} not null)`,
    );
    await owner.query(`create index on ${table} (s)`);
    await this.prepareSession(owner);
  }

  /** All sessions speak for one user: they share the rows. */
  async prepareSession(session: pg.Client): Promise<void> {
    if (this.options.user) await session.query(`set tide.user_id = 'writer'`);
  }

  /** By the simple or the extended protocol, by a named statement or without a name. */
  private async query(
    session: pg.Client,
    random: Random,
    text: string,
    values: readonly number[],
  ): Promise<pg.QueryResult<Row>> {
    const way = random.below(3);
    if (way === 0) {
      return await session.query<Row>(text.replaceAll(/\$(\d)/g, (_, n) => `${values[n - 1]}`));
    }
    const name = this.names.get(text) ?? `s${this.names.size}`;
    this.names.set(text, name);
    return await session.query<Row>({ ...(way === 1 && { name }), text, values: [...values] });
  }

  private pickKey(random: Random): number {
    return random.pick(this.keys);
  }

  /** A key to append to, and a value that nobody else appends. */
  private next(random: Random): { key: number; value: number } {
    const key = this.pickKey(random);
    const count = (this.appends.get(key) ?? 0) + 1;
    this.appends.set(key, count);
    const place = this.keys.indexOf(key);
    if (count >= appendsPerKeyMax && place >= 0) this.keys[place] = this.keysMade++;
    return { key, value: ++this.valuesMade };
  }

  private get added(): string {
    return this.options.column === 'array' ? '$2::int' : `',' || $2::int`;
  }

  private get first(): string {
    return this.options.column === 'array' ? 'array[$2::int]' : '$2::int::text';
  }

  private upsertText(): string {
    const { table } = this;
    return `insert into ${table} (k, s, v) values ($1::int, $1::int, ${this.first}) on conflict (k) do update set v = ${table}.v || ${this.added}`;
  }

  /** Appends by one statement that needs no row to be there. */
  async upsert(session: pg.Client, random: Random): Promise<readonly Operation[]> {
    const { key, value } = this.next(random);
    await this.query(session, random, this.upsertText(), [key, value]);
    return [{ kind: 'append', key, value, how: 'upsert' }];
  }

  /** Appends in one of several ways; a way that reads first says what it read. */
  async append(session: pg.Client, random: Random, undone: boolean): Promise<readonly Operation[]> {
    const { table } = this;
    const { key, value } = this.next(random);
    const append = (how: string): Operation => ({
      kind: 'append',
      key,
      value,
      how,
      ...(undone && { undone }),
    });
    const way = undone ? random.below(3) : random.below(5);
    if (way === 0 || way === 1) {
      const where = way === 0 ? 'k' : 's';
      const update = `update ${table} set v = v || ${this.added} where ${where} = $1::int`;
      const { rowCount } = await this.query(session, random, update, [key, value]);
      if (rowCount === 1) return [append(`update where ${where}`)];
    } else if (way === 2) {
      const update = `update ${table} set v = ${table}.v || ${this.added} from (select $1::int as k) as x where x.k = ${table}.k returning ${table}.k, ${table}.v`;
      const { rows } = await this.query(session, random, update, [key, value]);
      if (rows.length === 1) {
        const values = parse(rows[0]!.v);
        const appended = append('update from');
        return undone ? [appended] : [appended, { kind: 'read', key, values, how: 'returning' }];
      }
    } else if (way === 3) {
      // Read and written back: only the row lock keeps others from writing between.
      const select = `select k, v from ${table} where k = $1::int for update`;
      const { rows } = await this.query(session, random, select, [key]);
      if (rows.length === 1) {
        const before = parse(rows[0]!.v);
        const after = [...before, value].join(',');
        const whole = this.options.column === 'array' ? `'{${after}}'` : `'${after}'`;
        await session.query(`update ${table} set v = ${whole} where k = ${key}`);
        return [{ kind: 'read', key, values: before, how: 'for update' }, append('update')];
      }
    }
    await this.query(session, random, this.upsertText(), [key, value]);
    return [append('upsert')];
  }

  /** Reads one list, or all that are in use by one statement. */
  async read(session: pg.Client, random: Random, readOnly: boolean): Promise<readonly Operation[]> {
    const { table } = this;
    const way = random.below(readOnly ? 4 : 6);
    const columns = `select k, v from ${table}`;
    if (way >= 2 && way < 4) {
      const keys = [...this.keys];
      const [least, most] = [Math.min(...keys), Math.max(...keys)];
      const where =
        way === 2 ? 'where k between $1::int and $2::int' : 'where s >= $1::int and s <= $2::int';
      const { rows } = await this.query(session, random, `${columns} ${where}`, [least, most]);
      return keys.map((key) => this.readOf(key, rows, where));
    }
    const key = this.pickKey(random);
    const lock = way === 4 ? ' for share' : way === 5 ? ' for update' : '';
    const where = way === 1 ? 's' : 'k';
    const text = `${columns} where ${where} = $1::int${lock}`;
    const { rows } = await this.query(session, random, text, [key]);
    return [this.readOf(key, rows, `where ${where}${lock}`)];
  }

  private readOf(key: number, rows: readonly Row[], how: string): Operation {
    const found = rows.filter(({ k }) => k === key);
    if (found.length > 1) throw new Error(`two rows of key ${key} in one answer`);
    return { kind: 'read', key, values: found[0] === undefined ? [] : parse(found[0].v), how };
  }

  /** Every list there has been. */
  async readAll(session: pg.Client): Promise<readonly Operation[]> {
    const { rows } = await session.query<Row>(`select k, v from ${this.table}`);
    return Array.from({ length: this.keysMade }, (_, key) => this.readOf(key, rows, 'all'));
  }
}
