/**
 * The text of a wire-conversation script (.pgtest). Blocks are separated by empty lines; a block is a directive and the
 * lines under it. Lines that start with # are comments.
 *
 *   cleanup drop table if exists t      SQL run before and after the script, whatever it answers
 *   ignore ErrorResponse.detail ...     fields that are not compared, in the whole file
 *   only pgtide | only postgres         the file is for one server
 *   raw                                 connections start without a StartupMessage
 *   connection b                        go on with connection b; opened when it is new (the first is `main`)
 *   send                                one message a line: its name and its fields as JSON
 *   until ReadyForQuery [3]             expected messages, up to the (third) one of that type
 *   receive                             exactly these messages
 *   end                                 expected messages up to the server's closing the connection
 *   byte                                one byte that is no message
 *   cancel main                         a CancelRequest with that connection's key, on a socket of its own
 *   parameters                          ParameterStatus seen so far: `name` or `name=value` a line
 *
 * An expected line may begin with `pgtide:` or `postgres:`; then it holds for that server only; or with `maybe:`; then the
 * message may be missing. In expected JSON the string "*" stands for anything. CopyData messages in a row count as one.
 */

export type Target = 'pgtide' | 'postgres';

export interface Block {
  /** What precedes the directive: comments and empty lines, as written. */
  readonly before: readonly string[];
  readonly directive: string;
  readonly argument: string;
  readonly lines: readonly string[];
}

const directives = new Set([
  'cleanup',
  'ignore',
  'only',
  'raw',
  'connection',
  'cancel',
  'send',
  'until',
  'receive',
  'end',
  'byte',
  'parameters',
]);

/** The blocks in order; a last block with an empty directive holds what follows them. */
export function parseScript(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  let before: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at++]!;
    if (line === '' || line.startsWith('#')) {
      before.push(line);
      continue;
    }
    const space = line.indexOf(' ');
    const directive = space < 0 ? line : line.slice(0, space);
    if (!directives.has(directive)) throw new Error(`line ${at}: no directive: ${line}`);
    const body: string[] = [];
    while (at < lines.length && lines[at] !== '') body.push(lines[at++]!);
    blocks.push({
      before,
      directive,
      argument: space < 0 ? '' : line.slice(space + 1).trim(),
      lines: body,
    });
    before = [];
  }
  blocks.push({ before, directive: '', argument: '', lines: [] });
  return blocks;
}

export function formatScript(blocks: readonly Block[]): string {
  return blocks
    .flatMap(({ before, directive, argument, lines }) => {
      const head = argument === '' ? directive : `${directive} ${argument}`;
      return directive === '' ? before : [...before, head, ...lines];
    })
    .join('\n');
}
