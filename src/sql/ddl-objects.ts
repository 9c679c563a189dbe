/** What a statement that changes the catalog names, for people: dotted names as written, unquoted. */
import type { Node, RangeVar, RoleSpec } from 'libpg-query';
import { optionMap, stringValue, stringValues } from './node-access.ts';

function ofRelation(relation: RangeVar | undefined): string[] {
  if (relation?.relname === undefined) return [];
  return [
    relation.schemaname === undefined
      ? relation.relname
      : `${relation.schemaname}.${relation.relname}`,
  ];
}

function ofRole(role: RoleSpec | undefined): string[] {
  if (role?.rolename !== undefined) return [role.rolename];
  return role?.roletype === 'ROLESPEC_PUBLIC' ? ['public'] : [];
}

const ofList = (names: readonly Node[] | undefined): string[] =>
  names === undefined ? [] : [stringValues(names).join('.')];

/** A node in a list of objects. */
function ofObject(node: Node | undefined): string[] {
  if (node === undefined) return [];
  if ('RangeVar' in node) return ofRelation(node.RangeVar);
  if ('List' in node) return ofList(node.List.items);
  if ('TypeName' in node) return ofList(node.TypeName.names);
  if ('RoleSpec' in node) return ofRole(node.RoleSpec);
  if ('ObjectWithArgs' in node) return ofList(node.ObjectWithArgs.objname);
  if ('AccessPriv' in node)
    return node.AccessPriv.priv_name === undefined ? [] : [node.AccessPriv.priv_name];
  const text = stringValue(node);
  return text === undefined ? [] : [text];
}

const ofObjects = (nodes: readonly Node[] | undefined): string[] => (nodes ?? []).flatMap(ofObject);

const plain = (name: string | undefined): string[] => (name === undefined ? [] : [name]);

/** Names of what the statement makes, changes, drops or gives rights on; empty where it names nothing. */
export function ddlObjectNames(node: Node): readonly string[] {
  if ('CreateStmt' in node) return ofRelation(node.CreateStmt.relation);
  if ('CreateTableAsStmt' in node) return ofRelation(node.CreateTableAsStmt.into?.rel);
  if ('SelectStmt' in node) return ofRelation(node.SelectStmt.intoClause?.rel);
  if ('AlterTableStmt' in node) return ofRelation(node.AlterTableStmt.relation);
  if ('ViewStmt' in node) return ofRelation(node.ViewStmt.view);
  if ('IndexStmt' in node) return plain(node.IndexStmt.idxname);
  if ('CreateSeqStmt' in node) return ofRelation(node.CreateSeqStmt.sequence);
  if ('AlterSeqStmt' in node) return ofRelation(node.AlterSeqStmt.sequence);
  if ('CreateSchemaStmt' in node) {
    const { schemaname, authrole } = node.CreateSchemaStmt;
    return schemaname === undefined ? ofRole(authrole) : [schemaname];
  }
  if ('CreateRoleStmt' in node) return plain(node.CreateRoleStmt.role);
  if ('AlterRoleStmt' in node) return ofRole(node.AlterRoleStmt.role);
  if ('AlterRoleSetStmt' in node) return ofRole(node.AlterRoleSetStmt.role);
  if ('DropRoleStmt' in node) return ofObjects(node.DropRoleStmt.roles);
  if ('GrantRoleStmt' in node) return ofObjects(node.GrantRoleStmt.granted_roles);
  if ('GrantStmt' in node) return ofObjects(node.GrantStmt.objects);
  if ('DropOwnedStmt' in node) return ofObjects(node.DropOwnedStmt.roles);
  if ('ReassignOwnedStmt' in node) return ofObjects(node.ReassignOwnedStmt.roles);
  if ('DropStmt' in node) return ofObjects(node.DropStmt.objects);
  if ('TruncateStmt' in node) return ofObjects(node.TruncateStmt.relations);
  if ('CommentStmt' in node) return ofObject(node.CommentStmt.object);
  if ('CreatePolicyStmt' in node) return plain(node.CreatePolicyStmt.policy_name);
  if ('AlterPolicyStmt' in node) return plain(node.AlterPolicyStmt.policy_name);
  if ('CreateEnumStmt' in node) return ofList(node.CreateEnumStmt.typeName);
  if ('AlterEnumStmt' in node) return ofList(node.AlterEnumStmt.typeName);
  if ('AlterTypeStmt' in node) return ofList(node.AlterTypeStmt.typeName);
  if ('CompositeTypeStmt' in node) return ofRelation(node.CompositeTypeStmt.typevar);
  if ('CreateRangeStmt' in node) return ofList(node.CreateRangeStmt.typeName);
  if ('CreateDomainStmt' in node) return ofList(node.CreateDomainStmt.domainname);
  if ('AlterDomainStmt' in node) return ofList(node.AlterDomainStmt.typeName);
  if ('CreateTableSpaceStmt' in node) return plain(node.CreateTableSpaceStmt.tablespacename);
  if ('DropTableSpaceStmt' in node) return plain(node.DropTableSpaceStmt.tablespacename);
  if ('AlterTableSpaceOptionsStmt' in node)
    return plain(node.AlterTableSpaceOptionsStmt.tablespacename);
  if ('RenameStmt' in node) {
    const { relation, object, subname } = node.RenameStmt;
    if (relation !== undefined) return ofRelation(relation);
    return object === undefined ? plain(subname) : ofObject(object);
  }
  if ('AlterObjectSchemaStmt' in node) {
    const { relation, object } = node.AlterObjectSchemaStmt;
    return relation === undefined ? ofObject(object) : ofRelation(relation);
  }
  if ('AlterOwnerStmt' in node) {
    const { relation, object } = node.AlterOwnerStmt;
    return relation === undefined ? ofObject(object) : ofRelation(relation);
  }
  if ('AlterDefaultPrivilegesStmt' in node) {
    const { options } = node.AlterDefaultPrivilegesStmt;
    return [...optionMap(options).values()].flatMap((value) => plain(value));
  }
  return [];
}
