import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { flightsCsv } from '../../bench/lib/flights.ts';
import { copyFile, flush } from './load.ts';
import { DemoError, freshNamespace } from './server.ts';
import { heading, number, printRows, seconds } from './terminal.ts';

const dataFile = (name: string): string =>
  fileURLToPath(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url));

/** Each has one answer only, so that it can be compared. */
const questions: readonly { readonly title: string; readonly sql: string }[] = [
  {
    title: 'all of them',
    sql: 'SELECT count(*) AS flights, min(date) AS first, max(date) AS last, sum(distance) AS miles FROM demo.flights',
  },
  {
    title: 'the latest airports',
    sql: `SELECT f.origin, a.city, count(*) AS flights, round(avg(f.delay), 2) AS mean_delay
          FROM demo.flights f JOIN demo.airports a ON a.iata = f.origin
          GROUP BY f.origin, a.city HAVING count(*) > 1000 ORDER BY mean_delay DESC, f.origin LIMIT 5`,
  },
  {
    title: 'hours of the day',
    sql: `SELECT extract(hour FROM date)::int AS hour, count(*) AS flights, sum((delay > 60)::int) AS very_late
          FROM demo.flights GROUP BY 1 ORDER BY very_late DESC, 1 LIMIT 5`,
  },
  {
    title: 'the longest delay of each origin',
    sql: `SELECT origin, date, delay FROM (
            SELECT origin, date, delay, row_number() OVER (PARTITION BY origin ORDER BY delay DESC, id) AS place
            FROM demo.flights WHERE delay > 300) ranked
          WHERE place = 1 ORDER BY delay DESC, origin LIMIT 5`,
  },
  { title: 'one by its key', sql: 'SELECT * FROM demo.flights WHERE id = 4711' },
];

interface Answer {
  readonly rows: readonly Record<string, unknown>[];
  readonly ms: number;
}

async function ask(client: pg.Client): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const { sql } of questions) {
    const started = performance.now();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    answers.push({ rows, ms: performance.now() - started });
  }
  return answers;
}

async function loadCars(client: pg.Client): Promise<void> {
  await client.query(`CREATE SHARED TABLE demo.cars (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL, year date, origin text, horsepower int, details jsonb NOT NULL)`);
  const cars = JSON.parse(await readFile(dataFile('cars.json'), 'utf8')) as Record<
    string,
    unknown
  >[];
  // One prepared statement, one transaction: as an application would load a JSON file.
  await client.query('BEGIN');
  for (const car of cars) {
    await client.query({
      name: 'insert car',
      text: 'INSERT INTO demo.cars (name, year, origin, horsepower, details) VALUES ($1, $2, $3, $4, $5)',
      values: [car.Name, car.Year, car.Origin, car.Horsepower, JSON.stringify(car)],
    });
  }
  await client.query('COMMIT');
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT origin, count(*) AS cars, max(horsepower) AS strongest, count(*) FILTER (WHERE (details->>'Cylinders')::int >= 8) AS eights
     FROM demo.cars GROUP BY origin ORDER BY origin`,
  );
  console.log(`cars.json                ${number(cars.length)} rows`);
  printRows(rows);
}

/** Loads the flights, asks them hot, flushes, and asks again: the answers must be the same. */
export async function flightsDemo(
  client: pg.Client,
  watcher: pg.Client,
  rows: number,
): Promise<void> {
  heading(`flights: a shared table of ${number(rows)} real flights`);
  await freshNamespace(client, 'demo');
  await client.query(`CREATE SHARED TABLE demo.flights (
    id bigserial PRIMARY KEY, date timestamp NOT NULL, delay int, distance int, origin text, destination text)`);
  await client.query(`CREATE SHARED TABLE demo.airports (
    iata text PRIMARY KEY, name text, city text, state text, country text, latitude float8, longitude float8)`);
  console.log('flights-3m.parquet       to CSV with DuckDB …');
  const csv = await flightsCsv(rows);
  const loaded = await copyFile(
    client,
    'COPY demo.flights',
    csv,
    'COPY demo.flights (date, delay, distance, origin, destination) FROM STDIN (FORMAT csv)',
  );
  if (loaded !== rows) throw new DemoError(`${loaded} flights arrived, not ${rows}`);
  await copyFile(
    client,
    'COPY demo.airports',
    dataFile('airports.csv'),
    'COPY demo.airports FROM STDIN (FORMAT csv, HEADER)',
  );
  await loadCars(client);

  heading('the same questions, hot and flushed');
  const hot = await ask(client);
  await flush(client, watcher, 'demo.flights');
  const cold = await ask(client);
  questions.forEach(({ title }, i) => {
    const before = hot[i]!;
    const after = cold[i]!;
    if (JSON.stringify(before.rows) !== JSON.stringify(after.rows)) {
      console.log('hot:');
      printRows(before.rows);
      console.log('flushed:');
      printRows(after.rows);
      throw new DemoError(`"${title}" has another answer after the flush`);
    }
    console.log(
      `\n${title}: ${seconds(before.ms)} hot, ${seconds(after.ms)} flushed, the same answer`,
    );
    printRows(after.rows);
  });
}
