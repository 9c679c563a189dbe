/**
 * Reads a scenario: sessions with named steps, and the orders in which they run. The format, by its sections:
 *
 *     # a comment
 *     fresh                              the schema is made anew for every run (else once for all runs)
 *     alone                              nothing else may run on the server meanwhile
 *     races                              PostgreSQL itself may show something else, rarely
 *     variants hot, flushed              of pgtide's variants only these make sense (else all)
 *     with level = read committed | serializable
 *                                        every run once for each word; ${level} stands for it (several lines: each with each)
 *     schema                             statements that make the tables, each ended by a line that ends in ;
 *       create table t (id int primary key);
 *     data                               the same, before every run; all tables are emptied first
 *       insert into t values (1);
 *     s1                                 a session: name, colon, SQL; deeper lines go on
 *       b: begin isolation level ${level}
 *       r: select * from t
 *     run s1.b s2.b s1.r                 one order; an indented line goes on
 *     run allow 40001: s1.b s1.r         where pgtide may give up more transactions than PostgreSQL does
 *
 * In a run stand steps and: `s1.r*` (sent, and not asked whether it waits: a timeout will end it), `await(s1)` (its answer has
 * come), `cancel(s1)` (a CancelRequest), `close(s1)` (the client leaves), `end(s1)` (the server has ended the connection).
 */
export interface Action {
  readonly kind: 'step' | 'send' | 'await' | 'cancel' | 'close' | 'end';
  readonly session: string;
  /** As it stands in the script. */
  readonly text: string;
}

export interface Run {
  readonly actions: readonly Action[];
  /** In what pgtide may differ: SQLSTATEs that one answers with and the other does not, `wait`, `again` (see oracle.test.ts). */
  readonly allowed: readonly string[];
}

export interface Scenario {
  readonly fresh: boolean;
  readonly alone: boolean;
  readonly races: boolean;
  readonly variants: readonly string[] | undefined;
  /** Name of a parameter to its words. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
  readonly schema: readonly string[];
  readonly data: readonly string[];
  readonly sessions: readonly string[];
  /** `s1.r` to SQL, with parameters still in. */
  readonly steps: ReadonlyMap<string, string>;
  readonly runs: readonly Run[];
}

/** One run with its parameters filled in. */
export interface Case {
  /** What it is found by in the output: parameters and actions. */
  readonly title: string;
  readonly run: Run;
  readonly schema: readonly string[];
  readonly data: readonly string[];
  readonly steps: ReadonlyMap<string, string>;
}

type Section = 'none' | 'schema' | 'data' | 'run' | { readonly session: string };

const actionKinds = ['await', 'cancel', 'close', 'end'] as const;

function readAction(
  text: string,
  steps: ReadonlyMap<string, string>,
  sessions: readonly string[],
): Action {
  const call = /^(\w+)\((\w+)\)$/.exec(text);
  if (call !== null) {
    const kind = actionKinds.find((name) => name === call[1]);
    const session = call[2]!;
    if (kind === undefined) throw new Error(`no such action: ${text}`);
    if (!sessions.includes(session)) throw new Error(`no such session: ${text}`);
    return { kind, session, text };
  }
  const name = text.replace(/\*$/, '');
  if (!steps.has(name)) throw new Error(`no such step: ${text}`);
  const kind = text.endsWith('*') ? 'send' : 'step';
  return { kind, session: name.slice(0, name.indexOf('.')), text };
}

/** Throws an Error that names the line. */
export function readScenario(source: string): Scenario {
  let fresh = false;
  let alone = false;
  let races = false;
  let variants: readonly string[] | undefined;
  const parameters = new Map<string, readonly string[]>();
  const statements = { schema: [''], data: [''] };
  const sessions: string[] = [];
  const steps = new Map<string, string>();
  const runLines: { text: string; line: number }[] = [];
  let section: Section = 'none';
  let stepIndent = 0;
  let step = '';

  function readTop(text: string, line: number): void {
    const parameter = /^with (\w+) = (.+)$/.exec(text);
    const only = /^variants (.+)$/.exec(text);
    if (text === 'fresh') fresh = true;
    else if (text === 'alone') alone = true;
    else if (text === 'races') races = true;
    else if (only !== null) variants = only[1]!.split(',').map((word) => word.trim());
    else if (parameter !== null) {
      const words = parameter[2]!.split('|').map((word) => word.trim());
      parameters.set(parameter[1]!, words);
    } else if (text === 'schema' || text === 'data') section = text;
    else if (text.startsWith('run ')) {
      section = 'run';
      runLines.push({ text: text.slice('run '.length), line });
    } else if (/^s\d$/.test(text)) {
      section = { session: text };
      sessions.push(text);
      stepIndent = 0;
    } else throw new Error(`line ${line}: what is ${JSON.stringify(text)}?`);
  }

  function readInner(text: string, indent: number, line: number): void {
    if (section === 'schema' || section === 'data') {
      const list = statements[section];
      list[list.length - 1] = `${list.at(-1)} ${text}`.trim();
      if (text.endsWith(';')) list.push('');
    } else if (section === 'run') {
      runLines.at(-1)!.text += ` ${text}`;
    } else if (section === 'none') {
      throw new Error(`line ${line}: an indented line belongs to no section`);
    } else if (stepIndent === 0 || indent <= stepIndent) {
      stepIndent = indent;
      const named = /^(\w+): (.+)$/.exec(text);
      if (named === null) throw new Error(`line ${line}: a step has a name, a colon and SQL`);
      step = `${section.session}.${named[1]}`;
      if (steps.has(step)) throw new Error(`line ${line}: ${step} is there already`);
      steps.set(step, named[2]!);
    } else {
      steps.set(step, `${steps.get(step)} ${text}`);
    }
  }

  for (const [index, raw] of source.split('\n').entries()) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const indent = raw.length - raw.trimStart().length;
    if (indent === 0) readTop(text, index + 1);
    else readInner(text, indent, index + 1);
  }
  const finished = (list: readonly string[], name: string): readonly string[] => {
    if (list.at(-1) !== '') throw new Error(`the last statement of ${name} lacks its semicolon`);
    return list.slice(0, -1);
  };
  const runs = runLines.map(({ text, line }): Run => {
    const allow = /^allow ([\w ]+): /.exec(text);
    try {
      return {
        allowed: allow?.[1]?.split(' ') ?? [],
        actions: text
          .slice(allow?.[0].length ?? 0)
          .split(/\s+/)
          .map((word) => readAction(word, steps, sessions)),
      };
    } catch (error) {
      throw new Error(`line ${line}: ${(error as Error).message}`, { cause: error });
    }
  });
  if (runs.length === 0) throw new Error('nothing is run');
  return {
    fresh,
    alone,
    races,
    variants,
    parameters,
    schema: finished(statements.schema, 'schema'),
    data: finished(statements.data, 'data'),
    sessions,
    steps,
    runs,
  };
}

/** Every choice of one word for each parameter. */
function choices(parameters: Scenario['parameters']): readonly ReadonlyMap<string, string>[] {
  let all: ReadonlyMap<string, string>[] = [new Map()];
  for (const [name, words] of parameters) {
    all = all.flatMap((chosen) => words.map((word) => new Map([...chosen, [name, word]])));
  }
  return all;
}

/** All runs with all parameters. Throws when SQL names a parameter that there is none of. */
export function casesOf(scenario: Scenario): readonly Case[] {
  return choices(scenario.parameters).flatMap((chosen) => {
    const fill = (text: string): string =>
      text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
        const word = chosen.get(name);
        if (word === undefined) throw new Error(`no such parameter: ${name}`);
        return word;
      });
    const words = [...chosen].map(([name, word]) => `${name} = ${word}: `).join('');
    return scenario.runs.map((run) => ({
      title: `${words}${run.actions.map(({ text }) => text).join(' ')}`,
      run,
      schema: scenario.schema.map(fill),
      data: scenario.data.map(fill),
      steps: new Map([...scenario.steps].map(([name, sql]) => [name, fill(sql)])),
    }));
  });
}
