/** Statements that change the catalog: their command tags and what kind of object they are about (tcop/utility.c, cmdtaglist.h). */
import type { Node, ObjectType } from 'libpg-query';
import type { DdlStatement } from './statement.ts';

export interface DdlTag {
  readonly kind: DdlStatement['kind'];
  readonly objectType: string;
  readonly tag: string;
}

const irregularTypes: Partial<Record<ObjectType, string>> = {
  OBJECT_MATVIEW: 'materialized view',
  OBJECT_FDW: 'foreign data wrapper',
  OBJECT_FOREIGN_SERVER: 'server',
  OBJECT_OPCLASS: 'operator class',
  OBJECT_OPFAMILY: 'operator family',
  OBJECT_STATISTIC_EXT: 'statistics',
  OBJECT_TSCONFIGURATION: 'text search configuration',
  OBJECT_TSDICTIONARY: 'text search dictionary',
  OBJECT_TSPARSER: 'text search parser',
  OBJECT_TSTEMPLATE: 'text search template',
  OBJECT_TABCONSTRAINT: 'constraint',
  OBJECT_DOMCONSTRAINT: 'domain constraint',
  OBJECT_LARGEOBJECT: 'large object',
};

/** OBJECT_FOREIGN_TABLE → `foreign table`. */
export function objectTypeName(type: ObjectType | undefined): string {
  if (type === undefined) return 'access method';
  return irregularTypes[type] ?? type.slice('OBJECT_'.length).toLowerCase().replaceAll('_', ' ');
}

/** Parts of a relation and the like count as that. */
function alteredType(type: ObjectType | undefined): string {
  const name = objectTypeName(type);
  if (name === 'column' || name === 'constraint' || name === 'attribute') return 'table';
  return name === 'domain constraint' ? 'domain' : name;
}

function create(objectType: string): DdlTag {
  return { kind: 'create', objectType, tag: `CREATE ${objectType.toUpperCase()}` };
}

function alter(objectType: string): DdlTag {
  return { kind: 'alter', objectType, tag: `ALTER ${objectType.toUpperCase()}` };
}

function drop(objectType: string): DdlTag {
  return { kind: 'drop', objectType, tag: `DROP ${objectType.toUpperCase()}` };
}

/** By node tag, for those whose tag does not depend on their fields. */
const plain: Readonly<Record<string, DdlTag>> = {
  CreateStmt: create('table'),
  CreateForeignTableStmt: create('foreign table'),
  ViewStmt: create('view'),
  IndexStmt: create('index'),
  CreateSeqStmt: create('sequence'),
  AlterSeqStmt: alter('sequence'),
  CreateSchemaStmt: create('schema'),
  CreateRoleStmt: create('role'),
  AlterRoleStmt: alter('role'),
  AlterRoleSetStmt: alter('role'),
  DropRoleStmt: drop('role'),
  GrantRoleStmt: { kind: 'grant', objectType: 'role', tag: 'GRANT ROLE' },
  AlterDefaultPrivilegesStmt: {
    kind: 'grant',
    objectType: 'default privileges',
    tag: 'ALTER DEFAULT PRIVILEGES',
  },
  CreateTrigStmt: create('trigger'),
  CreateEventTrigStmt: create('event trigger'),
  AlterEventTrigStmt: alter('event trigger'),
  CreatePolicyStmt: create('policy'),
  AlterPolicyStmt: alter('policy'),
  CreateEnumStmt: create('type'),
  CompositeTypeStmt: create('type'),
  CreateRangeStmt: create('type'),
  AlterEnumStmt: alter('type'),
  AlterTypeStmt: alter('type'),
  CreateDomainStmt: create('domain'),
  AlterDomainStmt: alter('domain'),
  CreateExtensionStmt: create('extension'),
  AlterExtensionStmt: alter('extension'),
  AlterExtensionContentsStmt: alter('extension'),
  CommentStmt: { kind: 'comment', objectType: 'comment', tag: 'COMMENT' },
  SecLabelStmt: { kind: 'comment', objectType: 'security label', tag: 'SECURITY LABEL' },
  TruncateStmt: { kind: 'truncate', objectType: 'table', tag: 'TRUNCATE TABLE' },
  RuleStmt: create('rule'),
  CreateTableSpaceStmt: create('tablespace'),
  AlterTableSpaceOptionsStmt: alter('tablespace'),
  AlterTableMoveAllStmt: alter('table'),
  DropTableSpaceStmt: drop('tablespace'),
  CreateCastStmt: create('cast'),
  CreateConversionStmt: create('conversion'),
  CreateTransformStmt: create('transform'),
  CreatePLangStmt: create('language'),
  CreateAmStmt: create('access method'),
  CreateOpClassStmt: create('operator class'),
  CreateOpFamilyStmt: create('operator family'),
  AlterOpFamilyStmt: alter('operator family'),
  AlterOperatorStmt: alter('operator'),
  CreateStatsStmt: create('statistics'),
  AlterStatsStmt: alter('statistics'),
  AlterCollationStmt: alter('collation'),
  CreatePublicationStmt: create('publication'),
  AlterPublicationStmt: alter('publication'),
  CreateSubscriptionStmt: create('subscription'),
  AlterSubscriptionStmt: alter('subscription'),
  DropSubscriptionStmt: drop('subscription'),
  CreatedbStmt: create('database'),
  AlterDatabaseStmt: alter('database'),
  AlterDatabaseSetStmt: alter('database'),
  AlterDatabaseRefreshCollStmt: alter('database'),
  DropdbStmt: drop('database'),
  CreateFdwStmt: create('foreign data wrapper'),
  AlterFdwStmt: alter('foreign data wrapper'),
  CreateForeignServerStmt: create('server'),
  AlterForeignServerStmt: alter('server'),
  CreateUserMappingStmt: create('user mapping'),
  AlterUserMappingStmt: alter('user mapping'),
  DropUserMappingStmt: drop('user mapping'),
  ImportForeignSchemaStmt: {
    kind: 'other',
    objectType: 'foreign schema',
    tag: 'IMPORT FOREIGN SCHEMA',
  },
  AlterTSDictionaryStmt: alter('text search dictionary'),
  AlterTSConfigurationStmt: alter('text search configuration'),
  AlterSystemStmt: alter('system'),
  DropOwnedStmt: { kind: 'drop', objectType: 'owned', tag: 'DROP OWNED' },
  ReassignOwnedStmt: { kind: 'alter', objectType: 'owned', tag: 'REASSIGN OWNED' },
  RefreshMatViewStmt: {
    kind: 'refresh',
    objectType: 'materialized view',
    tag: 'REFRESH MATERIALIZED VIEW',
  },
};

/** undefined: not a statement that changes the catalog. CREATE TABLE AS is told apart by its caller. */
export function ddlTagOf(node: Node): DdlTag | undefined {
  for (const name in node) {
    const found = plain[name];
    if (found !== undefined) return found;
  }
  if ('DropStmt' in node) return drop(objectTypeName(node.DropStmt.removeType));
  if ('AlterTableStmt' in node) return alter(alteredType(node.AlterTableStmt.objtype));
  if ('RenameStmt' in node) {
    const { renameType, relationType } = node.RenameStmt;
    // The grammar leaves relationType unset for constraints, which reads as the enum's first member.
    if (renameType === 'OBJECT_TABCONSTRAINT') return alter('table');
    const ofColumn = renameType === 'OBJECT_COLUMN';
    return alter(alteredType(ofColumn ? (relationType ?? 'OBJECT_TABLE') : renameType));
  }
  if ('AlterObjectSchemaStmt' in node)
    return alter(alteredType(node.AlterObjectSchemaStmt.objectType));
  if ('AlterObjectDependsStmt' in node)
    return alter(alteredType(node.AlterObjectDependsStmt.objectType));
  if ('AlterOwnerStmt' in node) return alter(alteredType(node.AlterOwnerStmt.objectType));
  if ('AlterFunctionStmt' in node) return alter(alteredType(node.AlterFunctionStmt.objtype));
  if ('CreateFunctionStmt' in node) {
    return create(node.CreateFunctionStmt.is_procedure === true ? 'procedure' : 'function');
  }
  if ('DefineStmt' in node) return create(objectTypeName(node.DefineStmt.kind));
  if ('GrantStmt' in node) {
    const { is_grant: grants, objtype } = node.GrantStmt;
    return {
      kind: 'grant',
      objectType: objectTypeName(objtype),
      tag: grants === true ? 'GRANT' : 'REVOKE',
    };
  }
  return undefined;
}
