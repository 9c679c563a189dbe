/** The same text runs on PostgreSQL, pgtide and DuckDB; each orders its rows fully, so that answers can be compared. */
export interface AggregateQuery {
  readonly name: string;
  readonly text: string;
}

export const aggregateQueries: readonly AggregateQuery[] = [
  {
    name: 'flights and mean delay by origin',
    text: 'SELECT origin, count(*) AS flights, avg(delay) AS mean_delay FROM flights GROUP BY origin ORDER BY origin',
  },
  {
    name: 'delayed flights',
    text: 'SELECT count(*) AS delayed FROM flights WHERE delay > 60',
  },
  {
    name: 'by month',
    text: "SELECT date_trunc('month', date) AS month, count(*) AS flights, sum(distance) AS miles FROM flights GROUP BY 1 ORDER BY 1",
  },
  {
    name: 'by hour of the day',
    text: 'SELECT extract(hour FROM date) AS hour, count(*) AS flights, avg(delay) AS mean_delay, max(delay) AS worst FROM flights GROUP BY 1 ORDER BY 1',
  },
  {
    name: 'extremes',
    text: 'SELECT min(date) AS first, max(date) AS last, min(delay) AS earliest, max(delay) AS latest, min(distance) AS shortest, max(distance) AS longest FROM flights',
  },
  {
    name: 'busy airports with long delays',
    text: 'SELECT origin, count(*) AS flights, avg(delay) AS mean_delay FROM flights GROUP BY origin HAVING count(*) > 10000 AND avg(delay) > 8 ORDER BY origin',
  },
  {
    name: 'ten busiest routes',
    text: 'SELECT origin, destination, count(*) AS flights, sum(distance) AS miles FROM flights GROUP BY origin, destination ORDER BY count(*) DESC, origin, destination LIMIT 10',
  },
  {
    name: 'destinations of each origin',
    text: 'SELECT origin, count(DISTINCT destination) AS destinations FROM flights GROUP BY origin ORDER BY destinations DESC, origin LIMIT 20',
  },
  {
    name: 'early, punctual and late by destination',
    text: 'SELECT destination, sum(CASE WHEN delay < 0 THEN 1 ELSE 0 END) AS early, sum(CASE WHEN delay BETWEEN 0 AND 15 THEN 1 ELSE 0 END) AS punctual, sum(CASE WHEN delay > 15 THEN 1 ELSE 0 END) AS late FROM flights GROUP BY destination ORDER BY destination',
  },
  {
    name: 'a week of long flights from three airports',
    text: "SELECT origin, count(*) AS flights, sum(delay) AS delay, max(distance) AS longest FROM flights WHERE date >= timestamp '2001-03-05' AND date < timestamp '2001-03-12' AND distance > 1000 AND origin IN ('ATL', 'ORD', 'LAX') GROUP BY origin ORDER BY origin",
  },
];
