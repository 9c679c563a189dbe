/** Runs wire-conversation scripts (script.ts says how they look) against a server. */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendMessage } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { WireClient } from '../support/wire-client.ts';
import {
  comparable,
  encodeLine,
  formatLine,
  joinCopyData,
  matches,
  parseLine,
} from './messages.ts';
import { formatScript, parseScript } from './script.ts';
import type { Block, Target } from './script.ts';

export interface PgtestOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Sent when the server asks for one in clear. */
  readonly password?: string;
  /** Which server it is. Default: pgtide. */
  readonly target?: Target;
  /** Write what the server answers into the script instead of comparing. */
  readonly rewrite?: boolean;
}

/** Around a CancelRequest. */
const cancelPauseMs = 150;

interface Link {
  readonly client: WireClient;
  readonly parameters: Map<string, string>;
  key: { processId: number; secretKey: Buffer } | undefined;
}

/** Runs one script. Rejects with both versions where the server answers something else. */
export async function runPgtest(file: string, options: PgtestOptions): Promise<void> {
  const blocks = parseScript(await readFile(file, 'utf8'));
  const target = options.target ?? 'pgtide';
  const only = blocks.find((block) => block.directive === 'only');
  if (only !== undefined && only.argument !== target) return;
  const cleanups = blocks.filter((block) => block.directive === 'cleanup');
  const cleanUp = async (): Promise<void> => {
    if (cleanups.length === 0) return;
    const { client } = await connect(options, false);
    for (const { argument } of cleanups) {
      client.send(frontend.query(argument));
      await client.until('ReadyForQuery');
    }
    client.send(frontend.terminate());
    client.close();
  };
  await cleanUp();
  const run = new Run(blocks, options, target);
  try {
    const result = await run.all();
    if (options.rewrite === true) await writeFile(file, formatScript(result));
  } finally {
    run.close();
    await cleanUp();
  }
}

async function connect(options: PgtestOptions, raw: boolean): Promise<Link> {
  const client = await WireClient.connect(options.port, options.host);
  const link: Link = { client, parameters: new Map(), key: undefined };
  if (raw) return link;
  client.send(frontend.startup({ user: options.user, database: options.database }));
  for (;;) {
    const message = await client.next();
    note(link, message);
    if (message.type === 'ReadyForQuery') return link;
    if (message.type === 'ErrorResponse') throw new Error(String(message['message']));
    if (message.type === 'AuthenticationCleartextPassword') {
      client.send(frontend.password(options.password ?? ''));
    }
  }
}

/** Remembers what later blocks refer to. */
function note(link: Link, message: BackendMessage): void {
  if (message.type === 'ParameterStatus') {
    link.parameters.set(String(message['name']), String(message['value']));
  } else if (message.type === 'BackendKeyData') {
    link.key = {
      processId: message['processId'] as number,
      secretKey: message['secretKey'] as Buffer,
    };
  }
}

class Run {
  private readonly links = new Map<string, Link>();
  private readonly ignored: ReadonlySet<string>;
  private readonly raw: boolean;
  private current = 'main';
  private readonly blocks: readonly Block[];
  private readonly options: PgtestOptions;
  private readonly target: Target;

  constructor(blocks: readonly Block[], options: PgtestOptions, target: Target) {
    this.blocks = blocks;
    this.options = options;
    this.target = target;
    this.ignored = new Set(
      blocks.filter((b) => b.directive === 'ignore').flatMap((b) => b.argument.split(' ')),
    );
    this.raw = blocks.some((block) => block.directive === 'raw');
  }

  async all(): Promise<Block[]> {
    const result: Block[] = [];
    for (const block of this.blocks) result.push({ ...block, lines: await this.block(block) });
    return result;
  }

  close(): void {
    for (const { client } of this.links.values()) client.close();
  }

  private async link(): Promise<Link> {
    const known = this.links.get(this.current);
    if (known !== undefined) return known;
    const link = await connect(this.options, this.raw);
    this.links.set(this.current, link);
    return link;
  }

  /** Runs one block and returns its lines as the server would have them. */
  private async block(block: Block): Promise<readonly string[]> {
    const link = await this.link();
    switch (block.directive) {
      case 'connection':
        this.current = block.argument;
        await this.link();
        return block.lines;
      case 'send':
        link.client.send(
          ...block.lines.map((line) => {
            const { name, fields } = parseLine(line);
            return encodeLine(name, fields);
          }),
        );
        return block.lines;
      case 'cancel':
        await this.cancel(block.argument);
        return block.lines;
      case 'until':
        return this.compare(block, await this.until(link, block.argument));
      case 'receive': {
        const count = this.expected(block).length;
        return this.compare(block, await this.take(link, (seen) => seen.length === count));
      }
      case 'end':
        return this.compare(block, await this.take(link, () => false));
      case 'byte': {
        const byte = await link.client.byte();
        return this.verdict(block, [byte], this.expected(block)[0] === byte);
      }
      case 'parameters': {
        const { parameters } = link;
        const bad = block.lines.filter((line) => {
          const [name = '', value] = line.split('=', 2);
          return !parameters.has(name) || (value !== undefined && parameters.get(name) !== value);
        });
        const shown = Array.from(parameters, ([name, value]) => `${name}=${value}`);
        if (bad.length > 0) throw new Error(`no ${bad.join(', ')} in:\n${shown.join('\n')}`);
        return block.lines;
      }
      default:
        return block.lines;
    }
  }

  private async cancel(name: string): Promise<void> {
    const key = this.links.get(name)?.key;
    if (key === undefined) throw new Error(`no key of connection ${name}`);
    // Nothing tells when a statement has begun, or that a cancel has come too late.
    await sleep(cancelPauseMs);
    const client = await WireClient.connect(this.options.port, this.options.host);
    client.send(frontend.cancelRequest(key.processId, key.secretKey));
    const answers = await client.untilEnd();
    client.close();
    if (answers.length > 0) throw new Error('CancelRequest was answered');
    await sleep(cancelPauseMs);
  }

  private until(link: Link, argument: string): Promise<BackendMessage[]> {
    const [type, count = '1'] = argument.split(' ');
    let left = Number(count);
    return this.take(link, (_seen, last) => last?.type === type && --left === 0);
  }

  /** Messages until `enough`, or until the server closes; ParameterStatus is only remembered. */
  private async take(
    link: Link,
    enough: (seen: readonly BackendMessage[], last: BackendMessage | undefined) => boolean,
  ): Promise<BackendMessage[]> {
    const seen: BackendMessage[] = [];
    if (enough(seen, undefined)) return seen;
    while (link.client.messages.length > 0 || !link.client.ended) {
      const message = await link.client.next().catch((error: unknown) => {
        if (link.client.ended) return undefined;
        throw error;
      });
      if (message === undefined) break;
      note(link, message);
      if (message.type === 'ParameterStatus') continue;
      seen.push(message);
      if (enough(seen, message)) break;
    }
    return seen;
  }

  /** The lines that hold for this server, their prefix taken off. */
  private expected(block: Block): string[] {
    return block.lines.flatMap((line) => {
      const prefix = /^(pgtide|postgres): /.exec(line);
      if (prefix === null) return line.startsWith('#') ? [] : [line];
      return prefix[1] === this.target ? [line.slice(prefix[0].length)] : [];
    });
  }

  private compare(block: Block, messages: readonly BackendMessage[]): readonly string[] {
    const actual = joinCopyData(messages).map((message) => ({
      name: message.type,
      fields: comparable(message, this.ignored),
    }));
    let at = 0;
    const found = this.expected(block).every((line) => {
      const optional = line.startsWith('maybe: ');
      const { name, fields } = parseLine(optional ? line.slice('maybe: '.length) : line);
      const next = actual[at];
      const same = next !== undefined && name === next.name && matches(fields, next.fields);
      if (same) at++;
      return same || optional;
    });
    const same = found && at === actual.length;
    return this.verdict(
      block,
      actual.map(({ name, fields }) => formatLine(name, fields)),
      same,
    );
  }

  private verdict(block: Block, actual: readonly string[], same: boolean): readonly string[] {
    if (same) return block.lines;
    if (this.options.rewrite === true) return actual;
    const head = `${block.directive} ${block.argument}`.trim();
    throw new Error(
      `${head}\n--- expected\n${this.expected(block).join('\n')}\n--- ${this.target} answered\n${actual.join('\n')}`,
    );
  }
}
