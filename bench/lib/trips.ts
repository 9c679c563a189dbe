import type pg from 'pg';

/** Rows of eight columns, the same for the servers and for whoever writes them from memory. Each is a function of its number. */
export interface Trip {
  readonly id: bigint;
  readonly at: Date;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
  readonly speed: number;
  readonly note: string;
}

const firstSecond = Date.UTC(2024, 0, 1);

export function trip(i: number): Trip {
  return {
    id: BigInt(i),
    at: new Date(firstSecond + i * 1000),
    delay: ((i * 7919) % 2000) - 100,
    distance: (i * 104_729) % 3000,
    origin: `A${i % 300}`,
    destination: `B${(i * 7) % 300}`,
    speed: ((i * 31) % 1000) / 7,
    note: `trip number ${(i * 7919) % 100_003}`,
  };
}

const columns = `id bigint, at timestamptz, delay int, distance int, origin text, destination text,
  speed float8, note text, PRIMARY KEY (id)`;

/** The same in SQL over generate_series' `i`. */
const selected = `i, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second', (i * 7919) % 2000 - 100,
  (i * 104729) % 3000, 'A' || i % 300, 'B' || (i * 7) % 300, ((i * 31) % 1000) / 7.0::float8,
  'trip number ' || (i * 7919) % 100003`;

/** CREATE TABLE of trips; `options` is what stands in WITH. */
export function createTrips(name: string, options = ''): string {
  return `CREATE TABLE ${name} (${columns})${options === '' ? '' : ` WITH (${options})`}`;
}

/** Rows inserted by one statement. */
const insertRows = 250_000;

/** Fills a table with the trips from number `from` on. */
export async function insertTrips(
  client: pg.Client,
  name: string,
  rows: number,
  from = 0,
): Promise<void> {
  for (let at = from; at < from + rows; at += insertRows) {
    const last = Math.min(at + insertRows, from + rows) - 1;
    await client.query(
      `INSERT INTO ${name} SELECT ${selected} FROM generate_series(${at}::bigint, ${last}) AS i`,
    );
  }
}

export interface FlushRow {
  readonly rows_flushed: string;
  readonly files: string;
  readonly bytes: string;
  readonly duration_ms: string;
}

/** FLUSH TABLE, with the seconds that it took. Throws unless it moved so many rows. */
export async function flushTable(
  client: pg.Client,
  name: string,
  rows: number,
): Promise<FlushRow & { readonly seconds: number }> {
  const started = performance.now();
  const result = await client.query<FlushRow>(`FLUSH TABLE ${name}`);
  const seconds = (performance.now() - started) / 1000;
  const row = result.rows[0];
  if (row === undefined || Number(row.rows_flushed) !== rows)
    throw new Error(`FLUSH TABLE ${name} says ${JSON.stringify(row)}, not ${rows} rows`);
  return { ...row, seconds };
}
