/**
 * Scripts of SQL statements, each ended by `;` at the end of a line. Comment lines before a statement may direct it:
 *
 *   -- tide: <line>        a line of its expected output, written by hand: PostgreSQL has no such statement
 *   -- tide:               alone: the statement's expected output is empty
 *   -- oracle: <SQL>       what PostgreSQL runs in its place, to the same effect
 *   -- left out            PostgreSQL has it and pgtide has not (docs/compatibility.md): fails with 0A000, changes nothing
 *   -- unordered           its rows may come in any order
 *
 * and between statements:
 *
 *   -- flush point         where the runner may flush all tables (the first, third, … of them for "half")
 *   -- restart point       where the runner may restart the server; session state is lost there
 *
 * Other comments are for the reader. Statements that only read are run by every executor when no transaction is open.
 */

export interface Statement {
  readonly kind: 'statement';
  readonly sql: string;
  /** What PostgreSQL runs; `sql` unless directed otherwise. */
  readonly oracle: string;
  /** Written by hand; undefined when PostgreSQL is asked. */
  readonly byHand: string | undefined;
  /** Any error with 0A000 is as expected. */
  readonly leftOut: boolean;
  readonly unordered: boolean;
  /** Line in the script, from 1. */
  readonly line: number;
}

/** What stands in the `.out` file for a statement that is left out. */
const leftOutOutput = 'ERROR 0A000: left out';

export type Step = Statement | { readonly kind: 'flush' } | { readonly kind: 'restart' };

/** Where `sql`'s statement ends (one past its semicolon), or -1. */
function statementEnd(sql: string): number {
  // Quoted strings, quoted names, dollar quotes and comments hide semicolons.
  const pattern = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|;/g;
  for (const match of sql.matchAll(pattern)) {
    if (match[0] === ';') return match.index + 1;
  }
  return -1;
}

export function readScript(text: string): readonly Step[] {
  const steps: Step[] = [];
  const lines = text.split('\n');
  let byHand: string[] | undefined;
  let oracle: string | undefined;
  let unordered = false;
  let leftOut = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const [, tide] = /^-- tide:(?: (.*))?$/.exec(line) ?? [undefined, undefined];
    if (line.startsWith('-- tide:')) (byHand ??= []).push(...(tide === undefined ? [] : [tide]));
    else if (line.startsWith('-- oracle: ')) oracle = line.slice('-- oracle: '.length);
    else if (line === '-- unordered') unordered = true;
    else if (line === '-- left out') leftOut = true;
    else if (line === '-- flush point') steps.push({ kind: 'flush' });
    else if (line === '-- restart point') steps.push({ kind: 'restart' });
    if (line.trim() === '' || line.startsWith('--')) continue;
    const start = at;
    let sql = line;
    while (statementEnd(sql) < 0) {
      at++;
      if (at >= lines.length) throw new Error(`line ${start + 1}: no semicolon ends this`);
      sql += `\n${lines[at]}`;
    }
    if (statementEnd(sql) !== sql.trimEnd().length) {
      throw new Error(`line ${start + 1}: more than one statement`);
    }
    steps.push({
      kind: 'statement',
      sql: sql.trimEnd(),
      oracle: oracle ?? sql.trimEnd(),
      byHand: leftOut ? leftOutOutput : byHand?.join('\n'),
      leftOut,
      unordered,
      line: start + 1,
    });
    byHand = undefined;
    oracle = undefined;
    unordered = false;
    leftOut = false;
  }
  return steps;
}

export const isStatement = (step: Step): step is Statement => step.kind === 'statement';

/** Whether running it again, with any executor, must give the same and changes nothing. */
export function onlyReads({ sql }: Statement): boolean {
  return (
    /^(?:select|with|values|table)\b/i.test(sql) &&
    !/\b(?:insert|update|delete|nextval|setval|currval|lastval|set_config|into|tide\.flush)\b/i.test(
      sql,
    )
  );
}

/** The text of a script's `.out` file: each statement behind `> `, then its output. */
export function formatOutput(entries: readonly (readonly [Statement, string])[]): string {
  return entries
    .map(([{ sql }, output]) => {
      const quoted = sql.replaceAll(/^/gm, '> ');
      return output === '' ? `${quoted}\n` : `${quoted}\n${output}\n`;
    })
    .join('\n');
}

/** The expected output of each of `statements` from a `.out` file's text. Throws when they are not the file's. */
export function readOutput(text: string, statements: readonly Statement[]): readonly string[] {
  const outputs: string[] = [];
  let rest = text;
  for (const { sql, line } of statements) {
    const quoted = `${sql.replaceAll(/^/gm, '> ')}\n`;
    if (!rest.startsWith(quoted)) {
      throw new Error(`the .out file is not of this script (line ${line}): run generate.ts`);
    }
    const next = rest.indexOf('\n\n> ', quoted.length - 1);
    const end = next < 0 ? rest.length : next + 1;
    outputs.push(rest.slice(quoted.length, end).trimEnd());
    rest = rest.slice(next < 0 ? end : next + 2);
  }
  if (rest !== '') throw new Error('the .out file has more than the script: run generate.ts');
  return outputs;
}
