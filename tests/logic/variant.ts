/** One way to run a script on pgtide: how much is flushed to the cold tier, and whether the server restarts on the way. */
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { WireClient } from '../support/wire-client.ts';
import { isError, render } from './render.ts';
import type { Statement, Step } from './script.ts';
import { isStatement, onlyReads } from './script.ts';

/** `half`: at every other flush point, so that what comes after the last of them stays hot. */
export type Flushed = 'nothing' | 'half' | 'all';

/** Executors that may refuse a statement (0A000). `auto` runs everything and comes first. */
const forcedExecutors = ['row', 'columnar', 'postgres'] as const;

export interface Mismatch {
  readonly line: number;
  readonly sql: string;
  readonly executor: string;
  readonly expected: string;
  readonly got: string;
}

/** How many statements each executor ran, and refused. */
export interface Counts {
  ran: number;
  refused: number;
}

export class Variant {
  readonly mismatches: Mismatch[] = [];
  readonly counts = new Map<string, Counts>();
  private client: WireClient | undefined;
  private readonly port: number;
  private readonly schema: string;
  private readonly flushed: Flushed;
  private readonly steps: readonly Step[];
  private readonly expected: ReadonlyMap<Statement, string>;
  private readonly streams = new Set<string>();
  private at = 0;
  private flushPoints = 0;
  private status: unknown = 'I';

  constructor(
    port: number,
    schema: string,
    flushed: Flushed,
    steps: readonly Step[],
    expected: readonly string[],
  ) {
    this.port = port;
    this.schema = schema;
    this.flushed = flushed;
    this.steps = steps;
    const statements = steps.filter(isStatement);
    this.expected = new Map(statements.map((statement, index) => [statement, expected[index]!]));
  }

  /** Runs on to the restart point, or to the end. */
  async run(stopAtRestart: boolean): Promise<void> {
    await this.connect();
    for (; this.at < this.steps.length; this.at++) {
      const step = this.steps[this.at]!;
      if (step.kind === 'flush') await this.flush();
      else if (step.kind === 'statement') await this.check(step);
      else if (stopAtRestart) {
        this.at++;
        break;
      }
    }
    this.close();
  }

  close(): void {
    this.client?.close();
    this.client = undefined;
  }

  private async connect(): Promise<void> {
    const parameters = { user: 'postgres', database: 'postgres' };
    this.client = await WireClient.open(this.port, parameters);
    await this.ask(`create schema if not exists ${this.schema}`);
    await this.ask(`set search_path = ${this.schema}`);
    await this.ask(`set timezone = 'UTC'`);
  }

  private async ask(sql: string): Promise<readonly BackendMessage[]> {
    const { client } = this;
    if (client === undefined) throw new Error('not connected');
    client.send(frontend.query(sql));
    const answer = await client.until('ReadyForQuery');
    this.status = answer.at(-1)?.['status'];
    return answer;
  }

  private async flush(): Promise<void> {
    const due = this.flushed === 'all' || (this.flushed === 'half' && this.flushPoints % 2 === 0);
    this.flushPoints++;
    if (!due) return;
    const tables = await this.ask(
      `select relname from pg_class where relkind = 'r' and relnamespace = '${this.schema}'::regnamespace order by 1`,
    );
    for (const { type, values } of tables) {
      if (type === 'ErrorResponse') throw new Error(`no list of tables: ${render(tables, false)}`);
      if (type !== 'DataRow') continue;
      const [name] = values as string[];
      if (name === undefined || this.streams.has(name)) continue;
      const output = render(await this.ask(`flush table "${name}"`), false);
      if (output.startsWith('ERROR'))
        this.note(0, `flush table ${name}`, 'auto', 'success', output);
    }
  }

  private note(line: number, sql: string, executor: string, expected: string, got: string): void {
    this.mismatches.push({ line, sql, executor, expected, got });
  }

  private count(executor: string): Counts {
    const counts = this.counts.get(executor) ?? { ran: 0, refused: 0 };
    this.counts.set(executor, counts);
    return counts;
  }

  private async check(statement: Statement): Promise<void> {
    const { sql, line, unordered } = statement;
    const expected = this.expected.get(statement)!;
    const stream = /^create\s+stream\s+table\s+(?:if\s+not\s+exists\s+)?(\w+)/i.exec(sql)?.[1];
    if (stream !== undefined) this.streams.add(stream);
    // Before: an error would change what the others see.
    const idle = this.status === 'I';
    const got = render(await this.ask(sql), unordered);
    this.count('auto').ran++;
    const refused = statement.leftOut && isError(got, '0A000');
    if (got !== expected && !refused) this.note(line, sql, 'auto', expected, got);
    if (!idle || this.status !== 'I' || statement.leftOut || !onlyReads(statement)) return;
    for (const executor of forcedExecutors) {
      await this.ask(`set tide.executor = '${executor}'`);
      const forced = render(await this.ask(sql), unordered);
      const cannot = isError(forced, '0A000') && !isError(expected, '0A000');
      this.count(executor)[cannot ? 'refused' : 'ran']++;
      if (!cannot && forced !== expected) this.note(line, sql, executor, expected, forced);
    }
    await this.ask('reset tide.executor');
  }
}

/** Enough to see what is wrong; PGTIDE_LOGIC_SHOWN=1000 shows all. */
const shownMax = Number(process.env['PGTIDE_LOGIC_SHOWN'] ?? 8);

/** Mismatches as text, the first few of them. */
export function describeMismatches(mismatches: readonly Mismatch[]): string {
  const shown = mismatches
    .slice(0, shownMax)
    .map(
      ({ line, sql, executor, expected, got }) =>
        `line ${line} (${executor}): ${sql}\n  expected:\n${indent(expected)}\n  got:\n${indent(got)}`,
    );
  const more = mismatches.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n\n');
}

const indent = (text: string): string => text.replaceAll(/^/gm, '    ');
