import type { FieldDescription } from '../../analyzer/tree.ts';
import type { Statement } from '../../sql/index.ts';
import { Oid } from '../../types/oid.ts';
import { flushFields } from '../flush.ts';
import { analyzeAndPlan } from '../analyze-and-plan.ts';
import type { SessionState } from '../state.ts';

export function textField(name: string): FieldDescription {
  return { name, tableOid: 0, columnNumber: 0, typeOid: Oid.text, typeSize: -1, typmod: -1 };
}

/** Settings that SHOW names in PostgreSQL's own spelling. */
const spelled: Readonly<Record<string, string>> = {
  datestyle: 'DateStyle',
  timezone: 'TimeZone',
  intervalstyle: 'IntervalStyle',
};

export const showFieldName = (name: string): string => spelled[name] ?? name;

/** The columns that a statement which is no query answers with; undefined when it returns no rows. */
export async function utilityFields(
  session: SessionState,
  statement: Statement,
): Promise<readonly FieldDescription[] | undefined> {
  switch (statement.kind) {
    case 'show':
      return statement.name === 'all'
        ? [textField('name'), textField('setting'), textField('description')]
        : [textField(showFieldName(statement.name))];
    case 'explain':
      return [textField('QUERY PLAN')];
    case 'flush':
      return flushFields;
    case 'fetch':
      return session.cursors.find(statement.name)?.prepared.fields;
    case 'execute': {
      const prepared = session.prepared.get(statement.name);
      if (prepared === undefined) return undefined;
      if (prepared.plan === undefined && prepared.statement?.class === 'query') {
        const plan = await analyzeAndPlan(session, prepared.text, prepared.paramTypes);
        return plan.analyzed.fields;
      }
      return prepared.fields;
    }
    default:
      return undefined;
  }
}
