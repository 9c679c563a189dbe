/** What a statement that changes the catalog locks before it does, by its text alone (tablecmds.c, AlterTableGetLockLevel and its callers). */
import type { AlterTableCmd, Constraint, Node, RangeVar } from 'libpg-query';
import { dottedName, relationName, stringValues } from './node-access.ts';
import type { QualifiedName } from './statement.ts';

/** PostgreSQL's table locks that DDL takes; named as in the lock manager. */
export type DdlLockMode =
  | 'shareUpdateExclusive'
  | 'share'
  | 'shareRowExclusive'
  | 'accessExclusive';

export interface DdlLockTarget {
  readonly name: QualifiedName;
  readonly mode: DdlLockMode;
  /** An index, whose table is meant. */
  readonly index: boolean;
  /** Another table that the statement's own table comes to reference: its lock needs no ownership. */
  readonly referenced: boolean;
}

const strength: readonly DdlLockMode[] = [
  'shareUpdateExclusive',
  'share',
  'shareRowExclusive',
  'accessExclusive',
];

function table(name: QualifiedName, mode: DdlLockMode): DdlLockTarget {
  return { name, mode, index: false, referenced: false };
}

function own(relation: RangeVar | undefined, mode: DdlLockMode): DdlLockTarget[] {
  return relation === undefined ? [] : [table(relationName(relation), mode)];
}

const alterModes: Readonly<Record<string, DdlLockMode>> = {
  AT_SetStatistics: 'shareUpdateExclusive',
  AT_SetOptions: 'shareUpdateExclusive',
  AT_ResetOptions: 'shareUpdateExclusive',
  AT_SetRelOptions: 'shareUpdateExclusive',
  AT_ResetRelOptions: 'shareUpdateExclusive',
  AT_ClusterOn: 'shareUpdateExclusive',
  AT_DropCluster: 'shareUpdateExclusive',
  AT_ValidateConstraint: 'shareUpdateExclusive',
  AT_EnableTrig: 'shareRowExclusive',
  AT_EnableAlwaysTrig: 'shareRowExclusive',
  AT_EnableReplicaTrig: 'shareRowExclusive',
  AT_EnableTrigAll: 'shareRowExclusive',
  AT_EnableTrigUser: 'shareRowExclusive',
  AT_DisableTrig: 'shareRowExclusive',
  AT_DisableTrigAll: 'shareRowExclusive',
  AT_DisableTrigUser: 'shareRowExclusive',
};

function constraintOf(node: Node | undefined): Constraint | undefined {
  return node !== undefined && 'Constraint' in node ? node.Constraint : undefined;
}

/** Tables that foreign keys among a definition's constraints reference. */
function referencedBy(nodes: readonly (Node | undefined)[]): DdlLockTarget[] {
  return nodes.flatMap((node) => {
    if (node !== undefined && 'ColumnDef' in node)
      return referencedBy(node.ColumnDef.constraints ?? []);
    const { pktable } = constraintOf(node) ?? {};
    return own(pktable, 'shareRowExclusive').map((one) => ({ ...one, referenced: true }));
  });
}

function alterMode({ subtype, def }: AlterTableCmd): DdlLockMode {
  if (subtype === 'AT_AddConstraint' && constraintOf(def)?.contype === 'CONSTR_FOREIGN') {
    return 'shareRowExclusive';
  }
  return alterModes[subtype ?? ''] ?? 'accessExclusive';
}

function dropped(objects: readonly Node[] | undefined, names: number): DdlLockTarget[] {
  return (objects ?? []).flatMap((node) => {
    const parts = 'List' in node ? stringValues(node.List.items) : [];
    const own = names === 0 ? parts : parts.slice(0, -names);
    return own.length === 0 ? [] : [table(dottedName(own), 'accessExclusive')];
  });
}

const indexes = (targets: readonly DdlLockTarget[]): DdlLockTarget[] =>
  targets.map((target) => ({ ...target, index: true }));

/** The tables that the statement names and changes. Others that it turns out to change are locked when that is known. */
export function ddlLockTargets(node: Node): readonly DdlLockTarget[] {
  if ('CreateStmt' in node) {
    const { tableElts, constraints } = node.CreateStmt;
    return referencedBy([...(tableElts ?? []), ...(constraints ?? [])]);
  }
  if ('AlterTableStmt' in node) {
    const { relation, cmds, objtype } = node.AlterTableStmt;
    const commands = (cmds ?? []).flatMap((cmd) =>
      'AlterTableCmd' in cmd ? [cmd.AlterTableCmd] : [],
    );
    if (objtype === 'OBJECT_INDEX') return [];
    if (objtype !== 'OBJECT_TABLE') return [];
    // Nothing left: options of ours, which go where PostgreSQL's do.
    const modes =
      commands.length === 0 ? (['shareUpdateExclusive'] as const) : commands.map(alterMode);
    const strongest = strength[Math.max(...modes.map((mode) => strength.indexOf(mode)))]!;
    return [...own(relation, strongest), ...referencedBy(commands.map((cmd) => cmd.def))];
  }
  // CONCURRENTLY builds as the plain form does, which needs the table to stand still.
  if ('IndexStmt' in node) return own(node.IndexStmt.relation, 'share');
  if ('RenameStmt' in node) {
    const { renameType, relation, relationType } = node.RenameStmt;
    // The index alone: its table is used as before, whatever the name.
    if (renameType === 'OBJECT_INDEX') return indexes(own(relation, 'shareUpdateExclusive'));
    const ofTable =
      renameType === 'OBJECT_TABLE' ||
      renameType === 'OBJECT_TABCONSTRAINT' ||
      relationType === 'OBJECT_TABLE';
    return ofTable || renameType === 'OBJECT_POLICY' ? own(relation, 'accessExclusive') : [];
  }
  if ('AlterObjectSchemaStmt' in node) {
    const { objectType, relation } = node.AlterObjectSchemaStmt;
    return objectType === 'OBJECT_TABLE' ? own(relation, 'accessExclusive') : [];
  }
  if ('CreatePolicyStmt' in node) return own(node.CreatePolicyStmt.table, 'accessExclusive');
  if ('AlterPolicyStmt' in node) return own(node.AlterPolicyStmt.table, 'accessExclusive');
  if ('DropStmt' in node) {
    const { removeType, objects } = node.DropStmt;
    if (removeType === 'OBJECT_TABLE') return dropped(objects, 0);
    if (removeType === 'OBJECT_INDEX') return indexes(dropped(objects, 0));
    return removeType === 'OBJECT_POLICY' ? dropped(objects, 1) : [];
  }
  if ('CommentStmt' in node) {
    const { objtype, object } = node.CommentStmt;
    const skip = objtype === 'OBJECT_TABLE' ? 0 : objtype === 'OBJECT_COLUMN' ? 1 : undefined;
    if (skip === undefined || object === undefined) return [];
    return dropped([object], skip).map((one) => ({ ...one, mode: 'shareUpdateExclusive' }));
  }
  return [];
}

/** CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY: not in a transaction block. */
export function isConcurrent(node: Node): boolean {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent === true;
  return 'DropStmt' in node && node.DropStmt.concurrent === true;
}
