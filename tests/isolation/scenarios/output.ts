/** What a run showed, as entries and as the text of `.out` files. */
import type { BackendMessage } from '../../support/backend.ts';
import { render } from '../../logic/render.ts';

/** `answer`: to the action itself. `waits`: it had none. `done`: the answer to a step that waited, seen after this action. */
export interface Entry {
  readonly kind: 'answer' | 'waits' | 'done';
  /** Of an action, `s1.r: select …`; of a wait's end the step's name, `s1.r`. */
  readonly head: string;
  /** Lines, without an end of line. Empty when it waits. */
  readonly body: string;
}

const waitsMark = '(waits)';
const doneMark = ' goes on';
const indent = '    ';

/** Numbers that differ from run to run: process ids become the names of sessions, the others a word. */
function normalize(text: string, sessionOf: ReadonlyMap<number, string>): string {
  return text
    .replaceAll(
      /([Pp])rocess (\d+)/g,
      (_, letter: string, id: string) => `${letter}rocess <${sessionOf.get(Number(id)) ?? '?'}>`,
    )
    .replaceAll(/\btransaction \d+/g, 'transaction <xid>')
    .replaceAll(/\btuple \(\d+,\d+\)/g, 'tuple <tid>')
    .replaceAll(/\bof relation \d+/g, 'of relation <oid>')
    .replaceAll(/\b(relation) \d+ of database/g, '$1 <oid> of database')
    .replaceAll(/\bof database \d+/g, 'of database <oid>')
    .replaceAll(/\badvisory lock \[\d+,/g, 'advisory lock [<oid>,');
}

/** Why a serializable transaction was given up is told in words of each server's own: its DETAIL and HINT are left out. */
function withoutReasons(message: BackendMessage): BackendMessage {
  if (message.type !== 'ErrorResponse' || message['code'] !== '40001') return message;
  const { detail: _detail, hint: _hint, ...rest } = message;
  return rest as BackendMessage;
}

/** Rows of a query without ORDER BY are sorted. */
export function renderAnswer(
  sql: string,
  messages: readonly BackendMessage[],
  sessionOf: ReadonlyMap<number, string>,
): string {
  const ordered = /\border by\b/i.test(sql);
  return normalize(render(messages.map(withoutReasons), !ordered), sessionOf);
}

/** Entries as text: heads at the margin, answers indented. */
export function formatEntries(entries: readonly Entry[]): string {
  return entries
    .map(({ kind, head, body }) => {
      const lines = kind === 'waits' ? waitsMark : body;
      const title = kind === 'done' ? `${head}${doneMark}` : head;
      return lines === '' ? title : `${title}\n${lines.replaceAll(/^/gm, indent)}`;
    })
    .join('\n');
}

/** The opposite of formatEntries. */
export function readEntries(text: string): readonly Entry[] {
  const entries: { kind: Entry['kind']; head: string; body: string }[] = [];
  for (const line of text.split('\n')) {
    const last = entries.at(-1);
    if (!line.startsWith(indent) || last === undefined) {
      const done = line.endsWith(doneMark);
      const head = done ? line.slice(0, -doneMark.length) : line;
      entries.push({ kind: done ? 'done' : 'answer', head, body: '' });
    } else if (line === `${indent}${waitsMark}`) {
      last.kind = 'waits';
    } else {
      const shown = line.slice(indent.length);
      last.body = last.body === '' ? shown : `${last.body}\n${shown}`;
    }
  }
  return entries;
}

const titleMark = '=== ';

/** Title to text, as a file. */
export const formatFile = (blocks: ReadonlyMap<string, string>): string =>
  [...blocks].map(([title, text]) => `${titleMark}${title}\n${text}\n`).join('\n');

/** The opposite of formatFile. Throws when a title comes twice. */
export function readFileBlocks(text: string): ReadonlyMap<string, string> {
  const blocks = new Map<string, string>();
  for (const block of text.split(/^=== /m).slice(1)) {
    const end = block.indexOf('\n');
    const title = block.slice(0, end);
    if (blocks.has(title)) throw new Error(`twice: ${title}`);
    blocks.set(title, block.slice(end + 1).trimEnd());
  }
  return blocks;
}
