import type { Node } from 'libpg-query';
import type { Edit } from './offsets.ts';
import type { SugarNote } from './sugar.ts';
import type { Statement } from './statement.ts';
import type { Token } from './tokens.ts';

/** What classifying a statement may need besides its node. */
export interface StatementContext {
  /** The fields that every statement has, but for the tag. */
  readonly common: {
    readonly text: string;
    readonly node: Node;
    readonly executeAs: string | undefined;
    readonly sourcePosition: (position: number) => number;
  };
  /** Of common.text; scanned when first asked for. */
  readonly tokens: () => readonly Token[];
  /** The statement that is a part of this one's text. */
  readonly inner: (start: number, end?: number, cut?: Edit) => Statement;
  readonly note: Omit<SugarNote, 'offset'>;
  /** Our options, already taken out of the text. */
  readonly options: {
    readonly set: ReadonlyMap<string, string>;
    readonly reset: readonly string[];
    readonly onlyOurs: boolean;
  };
}
