/** SET, SHOW, transactions, PREPARE, EXPLAIN, VACUUM and their like: nodes to statement records. */
import type { Node, VariableSetStmt } from 'libpg-query';
import { quoteNameIfNeeded } from './names.ts';
import {
  constantValue,
  dottedName,
  optionMap,
  relationName,
  relationNames,
  stringValues,
} from './node-access.ts';
import type { StatementContext } from './statement-context.ts';
import type {
  SetStatement,
  Statement,
  TransactionOptions,
  TransactionStatement,
  UtilityStatement,
} from './statement.ts';
import { closingIndex, keywordIndex } from './tokens.ts';

/** Settings whose value is a list of identifiers (GUC_LIST_QUOTE). */
const identifierLists: ReadonlySet<string> = new Set([
  'search_path',
  'temp_tablespaces',
  'local_preload_libraries',
  'session_preload_libraries',
  'shared_preload_libraries',
]);

function transactionOptions(nodes: readonly Node[] | undefined): TransactionOptions {
  const options = optionMap(nodes);
  const isolation = options.get('transaction_isolation');
  const readOnly = options.get('transaction_read_only');
  const deferrable = options.get('transaction_deferrable');
  return {
    ...(isolation === undefined
      ? {}
      : { isolation: isolation as NonNullable<TransactionOptions['isolation']> }),
    ...(readOnly === undefined ? {} : { readOnly: readOnly === '1' }),
    ...(deferrable === undefined ? {} : { deferrable: deferrable === '1' }),
  };
}

const transactionKinds: Readonly<
  Record<string, { kind: TransactionStatement['kind']; tag: string }>
> = {
  TRANS_STMT_BEGIN: { kind: 'begin', tag: 'BEGIN' },
  TRANS_STMT_START: { kind: 'begin', tag: 'START TRANSACTION' },
  TRANS_STMT_COMMIT: { kind: 'commit', tag: 'COMMIT' },
  TRANS_STMT_ROLLBACK: { kind: 'rollback', tag: 'ROLLBACK' },
  TRANS_STMT_SAVEPOINT: { kind: 'savepoint', tag: 'SAVEPOINT' },
  TRANS_STMT_RELEASE: { kind: 'release', tag: 'RELEASE' },
  TRANS_STMT_ROLLBACK_TO: { kind: 'rollbackTo', tag: 'ROLLBACK' },
  TRANS_STMT_PREPARE: { kind: 'prepareTransaction', tag: 'PREPARE TRANSACTION' },
  TRANS_STMT_COMMIT_PREPARED: { kind: 'commitPrepared', tag: 'COMMIT PREPARED' },
  TRANS_STMT_ROLLBACK_PREPARED: { kind: 'rollbackPrepared', tag: 'ROLLBACK PREPARED' },
};

/** A SET value; SET TIME ZONE INTERVAL '1' HOUR comes as a cast. */
function settingValue(node: Node): string {
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) {
    const value = constantValue(node.TypeCast.arg) ?? '';
    // The typmod of SET TIME ZONE INTERVAL says hours, or hours to minutes: hours stand alone.
    return /^[+-]?\d+$/.test(value) ? `${value}:00:00` : value;
  }
  return constantValue(node) ?? '';
}

function classifySet(node: VariableSetStmt, { common }: StatementContext): SetStatement {
  const name = (node.name ?? '').toLowerCase();
  switch (node.kind) {
    case 'VAR_RESET':
      return { ...common, tag: 'RESET', class: 'utility', kind: 'reset', name };
    case 'VAR_RESET_ALL':
      return { ...common, tag: 'RESET', class: 'utility', kind: 'reset', name: 'all' };
    case 'VAR_SET_MULTI': {
      const snapshot = name === 'transaction snapshot' ? node.args?.[0] : undefined;
      return {
        ...common,
        tag: 'SET',
        class: 'utility',
        kind: 'setTransaction',
        sessionDefault: name === 'session characteristics',
        options: snapshot === undefined ? transactionOptions(node.args) : {},
        snapshot: snapshot === undefined ? undefined : constantValue(snapshot),
      };
    }
    default: {
      const values = (node.args ?? []).map(settingValue);
      const isValue = node.kind === 'VAR_SET_VALUE' || node.kind === undefined;
      return {
        ...common,
        tag: 'SET',
        class: 'utility',
        kind: 'set',
        name,
        value: isValue
          ? (identifierLists.has(name) ? values.map(quoteNameIfNeeded) : values).join(', ')
          : undefined,
        values,
        fromCurrent: node.kind === 'VAR_SET_CURRENT',
        local: node.is_local === true,
      };
    }
  }
}

/** Comma-separated pieces between the parentheses opened at token `open`, as written. */
function piecesWithin({ common, tokens }: StatementContext, open: number): readonly string[] {
  const all = tokens();
  const close = closingIndex(all, open);
  if (close <= open + 1) return [];
  const pieces: string[] = [];
  let start = open + 1;
  let depth = 0;
  for (let i = open + 1; i <= close; i++) {
    const { word } = all[i]!;
    if (i === close || (depth === 0 && word === ',')) {
      pieces.push(common.text.slice(all[start]!.start, all[i - 1]!.end));
      start = i + 1;
    } else if (word === '(' || word === '[') depth++;
    else if (word === ')' || word === ']') depth--;
  }
  return pieces;
}

const explainWords: ReadonlySet<string> = new Set(['analyze', 'analyse', 'verbose']);

/** Index of the token where the explained statement starts. */
function explainedIndex(context: StatementContext, hasOptions: boolean): number {
  const tokens = context.tokens();
  let at = 1;
  if (hasOptions && tokens[at]?.word === '(') return closingIndex(tokens, at) + 1;
  while (explainWords.has(tokens[at]?.word ?? '')) at++;
  return at;
}

export function classifyUtility(node: Node, context: StatementContext): Statement | undefined {
  const { common, tokens, inner } = context;
  const utility = { ...common, class: 'utility' } as const;
  if ('VariableSetStmt' in node) return classifySet(node.VariableSetStmt, context);
  if ('VariableShowStmt' in node) {
    return {
      ...utility,
      tag: 'SHOW',
      kind: 'show',
      name: (node.VariableShowStmt.name ?? '').toLowerCase(),
    };
  }
  if ('TransactionStmt' in node) {
    const { kind, options, chain, savepoint_name: savepoint, gid } = node.TransactionStmt;
    return {
      ...common,
      ...transactionKinds[kind ?? 'TRANS_STMT_BEGIN']!,
      class: 'transaction',
      options: transactionOptions(options),
      chain: chain === true,
      savepoint,
      gid,
    };
  }
  if ('DiscardStmt' in node) {
    const target = (node.DiscardStmt.target ?? 'DISCARD_ALL')
      .slice('DISCARD_'.length)
      .toLowerCase();
    return {
      ...utility,
      tag: `DISCARD ${target.toUpperCase()}`,
      kind: 'discard',
      target: target as 'all' | 'plans' | 'sequences' | 'temp',
    };
  }
  if ('PrepareStmt' in node) {
    const all = tokens();
    return {
      ...utility,
      tag: 'PREPARE',
      kind: 'prepare',
      name: node.PrepareStmt.name ?? '',
      paramTypes: node.PrepareStmt.argtypes === undefined ? [] : piecesWithin(context, 2),
      inner: inner(all[keywordIndex(all, 'as', 2) + 1]!.start),
    };
  }
  if ('ExecuteStmt' in node) {
    const args = node.ExecuteStmt.params === undefined ? [] : piecesWithin(context, 2);
    return { ...utility, tag: 'EXECUTE', kind: 'execute', name: node.ExecuteStmt.name ?? '', args };
  }
  if ('DeallocateStmt' in node) {
    const { name } = node.DeallocateStmt;
    return {
      ...utility,
      tag: name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE',
      kind: 'deallocate',
      name,
    };
  }
  if ('ExplainStmt' in node) {
    const { options } = node.ExplainStmt;
    const start = tokens()[explainedIndex(context, options !== undefined)]!.start;
    return {
      ...utility,
      tag: 'EXPLAIN',
      kind: 'explain',
      options: optionMap(options),
      inner: inner(start),
    };
  }
  if ('VacuumStmt' in node) {
    const { is_vacuumcmd: isVacuum, rels, options } = node.VacuumStmt;
    return {
      ...utility,
      tag: isVacuum === true ? 'VACUUM' : 'ANALYZE',
      kind: isVacuum === true ? 'vacuum' : 'analyze',
      options: optionMap(options),
      tables: (rels ?? []).flatMap((rel) =>
        'VacuumRelation' in rel
          ? [
              {
                name: relationName(rel.VacuumRelation.relation),
                columns: stringValues(rel.VacuumRelation.va_cols),
              },
            ]
          : [],
      ),
    };
  }
  return classifySmall(node, utility);
}

type Utility = Omit<Extract<UtilityStatement, { kind: 'checkpoint' }>, 'kind' | 'tag'>;

function classifySmall(node: Node, utility: Utility): UtilityStatement | undefined {
  if ('CheckPointStmt' in node) return { ...utility, tag: 'CHECKPOINT', kind: 'checkpoint' };
  if ('ListenStmt' in node) {
    return {
      ...utility,
      tag: 'LISTEN',
      kind: 'listen',
      channel: node.ListenStmt.conditionname ?? '',
    };
  }
  if ('NotifyStmt' in node) {
    const { conditionname, payload } = node.NotifyStmt;
    return {
      ...utility,
      tag: 'NOTIFY',
      kind: 'notify',
      channel: conditionname ?? '',
      payload: payload ?? '',
    };
  }
  if ('UnlistenStmt' in node) {
    return {
      ...utility,
      tag: 'UNLISTEN',
      kind: 'unlisten',
      channel: node.UnlistenStmt.conditionname,
    };
  }
  if ('LockStmt' in node) {
    const { relations, mode, nowait } = node.LockStmt;
    return {
      ...utility,
      tag: 'LOCK TABLE',
      kind: 'lock',
      tables: relationNames(relations),
      mode: mode ?? 0,
      nowait: nowait === true,
    };
  }
  if ('DoStmt' in node) return { ...utility, tag: 'DO', kind: 'do' };
  if ('CallStmt' in node) return { ...utility, tag: 'CALL', kind: 'call' };
  if ('LoadStmt' in node) return { ...utility, tag: 'LOAD', kind: 'load' };
  if ('ConstraintsSetStmt' in node)
    return { ...utility, tag: 'SET CONSTRAINTS', kind: 'setConstraints' };
  if ('ClusterStmt' in node) return { ...utility, tag: 'CLUSTER', kind: 'cluster' };
  if ('ReindexStmt' in node) return { ...utility, tag: 'REINDEX', kind: 'reindex' };
  return undefined;
}

/** A list of names that DROP lists, whatever they are made of. */
export function droppedName(node: Node): ReturnType<typeof dottedName> {
  if ('List' in node) return dottedName(stringValues(node.List.items));
  if ('String' in node) return dottedName([node.String.sval ?? '']);
  if ('TypeName' in node) return dottedName(stringValues(node.TypeName.names));
  if ('ObjectWithArgs' in node) return dottedName(stringValues(node.ObjectWithArgs.objname));
  return dottedName([]);
}
