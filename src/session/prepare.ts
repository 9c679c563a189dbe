import { PgError, SqlState } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
import { qualifySystemColumns } from '../sql/index.ts';
import type { QueryStatement, Statement } from '../sql/index.ts';
import { analyzeAndPlan } from './analyze-and-plan.ts';
import { checkDeclare, checkLocks } from './cursor/check-declare.ts';
import type { DeclareStatement } from './cursor/check-declare.ts';
import { lockTables, tableUses, waitForNamed } from './lock-tables.ts';
import { inSource, storedTables } from './names.ts';
import type { Planned } from './planned.ts';
import type { CurrentPlan, Prepared, SessionState } from './state.ts';
import { utilityFields } from './utility/fields.ts';

/** Statement kinds that PostgreSQL analyzes into a Query tree. */
export function isQuery(statement: Statement): statement is QueryStatement {
  return statement.class === 'query';
}

/** A statement ready to be bound. `statement` undefined: the empty query. */
export async function prepareStatement(
  session: SessionState,
  name: string,
  statement: Statement | undefined,
  declaredTypes: readonly number[],
): Promise<Prepared> {
  if (statement?.kind === 'declare') {
    return prepareDeclare(session, name, statement, declaredTypes);
  }
  if (statement === undefined || !isQuery(statement)) {
    return {
      name,
      text: statement?.text ?? '',
      statement,
      declaredTypes,
      paramTypes: declaredTypes,
      fields: statement === undefined ? undefined : await utilityFields(session, statement),
      plan: undefined,
    };
  }
  const { qualified, plan } = await analyzeLocked(session, statement, declaredTypes);
  return {
    name,
    text: qualified.text,
    statement: qualified,
    declaredTypes,
    paramTypes: plan.analyzed.paramTypes,
    fields: plan.analyzed.fields,
    plan,
  };
}

/** A statement analyzed, with its tables locked as PostgreSQL's parser locks them: they stay as they were described. */
async function analyzeLocked(
  session: SessionState,
  statement: QueryStatement,
  declaredTypes: readonly number[],
): Promise<{ readonly qualified: Statement; readonly plan: CurrentPlan }> {
  for (;;) {
    const qualified = qualifySystemColumns(statement, storedTables(session));
    let plan: CurrentPlan;
    try {
      plan = await analyzeAndPlan(session, qualified.text, declaredTypes);
    } catch (error) {
      // What is missing may be what another transaction is about to add.
      if (await waitForNamed(session, statement)) continue;
      throw inSource(error, qualified);
    }
    await lockTables(session, tableUses(plan.planned, session.transaction.catalog));
    if (plan.catalogVersion === session.transaction.catalog.version) return { qualified, plan };
  }
}

/** DECLARE is prepared as its query is, and gives no rows. */
async function prepareDeclare(
  session: SessionState,
  name: string,
  statement: DeclareStatement,
  declaredTypes: readonly number[],
): Promise<Prepared> {
  checkDeclare(statement);
  const inner = await prepareStatement(session, name, statement.inner, declaredTypes);
  checkLocks(statement, inner);
  const { text } = statement;
  const { paramTypes } = inner;
  return {
    name,
    text,
    statement,
    declaredTypes,
    paramTypes,
    fields: undefined,
    plan: undefined,
    inner,
  };
}

/** The plan when it still holds; undefined when catalog or settings have changed since. */
export function validPlan(session: SessionState, prepared: Prepared): Planned | undefined {
  const { plan } = prepared;
  if (
    plan?.catalogVersion === session.transaction.catalog.version &&
    plan.settingsFingerprint === session.settings.fingerprint
  ) {
    return plan.planned;
  }
  return undefined;
}

/** The plan, made anew if need be. @throws 0A000 when the result's columns would no longer be those described */
export async function freshPlan(session: SessionState, prepared: Prepared): Promise<Planned> {
  const valid = validPlan(session, prepared);
  if (valid !== undefined) return valid;
  const { literalText } = prepared;
  if (literalText !== undefined) {
    // Nothing has been described yet, and the template may mean something else now.
    const own = await analyzeAndPlan(session, literalText, []);
    prepared.text = literalText;
    prepared.fields = own.analyzed.fields;
    prepared.plan = own;
    return own.planned;
  }
  const plan = await analyzeAndPlan(session, prepared.text, prepared.paramTypes);
  if (!sameFields(prepared.fields, plan.analyzed.fields)) {
    throw new PgError(SqlState.featureNotSupported, 'cached plan must not change result type');
  }
  prepared.plan = plan;
  return plan.planned;
}

function sameFields(
  before: readonly FieldDescription[] | undefined,
  after: readonly FieldDescription[] | undefined,
): boolean {
  if (before === undefined || after === undefined) return before === after;
  return (
    before.length === after.length &&
    before.every((field, i) => {
      const other = after[i]!;
      return (
        field.name === other.name &&
        field.typeOid === other.typeOid &&
        field.typmod === other.typmod
      );
    })
  );
}
