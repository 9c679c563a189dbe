import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { Execution, Route } from '../executor/run-plan.ts';
import { routePlan, runPlan } from '../executor/run-plan.ts';
import { runDml } from '../executor/dml/dml.ts';
import { scopeOf, scopeTitle } from '../executor/scan-scope.ts';
import type { ScanReport } from '../executor/types.ts';
import { lockClause } from '../planner/locking-rules.ts';
import type { LockRows, SelectPlan } from '../planner/nodes.ts';
import type { UtilityStatement } from '../sql/index.ts';
import { requireConstants } from './constants.ts';
import { createExecution } from './context.ts';
import type { Planned } from './planned.ts';
import { prepareStatement } from './prepare.ts';
import { refuseRowLocks } from './row-locks.ts';
import { lockedPlan } from './run-query.ts';
import type { QueryInput } from './run-query.ts';
import type { Prepared, SessionState, StatementResult } from './state.ts';
import { textField } from './utility/fields.ts';

type ExplainStatement = Extract<UtilityStatement, { kind: 'explain' }>;

const knownOptions: ReadonlySet<string> = new Set([
  'analyze',
  'verbose',
  'costs',
  'timing',
  'summary',
  'buffers',
  'format',
]);

function isOn(statement: ExplainStatement, name: string): boolean {
  if (!statement.options.has(name)) return false;
  const value = statement.options.get(name)?.toLowerCase();
  return value === undefined || ['on', 'true', '1', 'yes'].includes(value);
}

function checkOptions(statement: ExplainStatement): void {
  for (const [name, value] of statement.options) {
    if (!knownOptions.has(name)) {
      throw new PgError(SqlState.syntaxError, `unrecognized EXPLAIN option "${name}"`);
    }
    if (name === 'buffers' && isOn(statement, name)) throw notSupported('EXPLAIN option "buffers"');
    if (name === 'format' && value?.toLowerCase() !== 'text') {
      throw notSupported(`EXPLAIN format "${value ?? ''}"`, { hint: 'The format is text.' });
    }
  }
}

/** EXPLAIN [ANALYZE]: which executor, which tables in whose scope, and with ANALYZE what was read and how long it took. */
export async function explain(
  session: SessionState,
  statement: ExplainStatement,
  input: QueryInput,
): Promise<StatementResult> {
  checkOptions(statement);
  const { inner } = statement.inner.kind === 'declare' ? statement.inner : statement;
  if (inner.class !== 'query') throw notSupported(`EXPLAIN of ${inner.tag}`);
  const prepared = await prepareStatement(session, '', inner, []);
  const planned = await lockedPlan(session, prepared);
  await requireConstants(session, prepared, executionOf(session, prepared, input));
  const lines = isOn(statement, 'analyze')
    ? await analyzed(session, prepared, planned, input)
    : describe(session, planned, executionOf(session, prepared, input));
  return {
    kind: 'rowsNow',
    fields: [textField('QUERY PLAN')],
    rows: lines.map((line) => [line]),
    tag: () => 'EXPLAIN',
  };
}

function executionOf(session: SessionState, prepared: Prepared, input: QueryInput): Execution {
  const params = input.params.map((value) => value ?? null);
  return createExecution(
    session,
    session.transaction.statement(),
    params,
    prepared.paramTypes,
    prepared.text,
  );
}

function describe(session: SessionState, planned: Planned, execution: Execution): string[] {
  switch (planned.kind) {
    case 'select':
      return select(planned.plan, execution);
    case 'dml': {
      const { plan } = planned;
      const { namespace, name } = plan.table.stored;
      const verb = { insert: 'Insert on', update: 'Update on', delete: 'Delete on' }[plan.kind];
      return [`${verb} ${namespace}.${name}`, ...select(plan.source, execution).map(indent)];
    }
    case 'verbatim':
      return [`Executor: postgres (the statement as it is, in the ${planned.instance})`];
    case 'setConfig':
    case 'sleep':
    case 'serverFunction':
      return [`Session command: ${planned.kind}`];
  }
}

const indent = (line: string): string => `  ${line}`;

function select(plan: SelectPlan, execution: Execution): string[] {
  const lines = [...route(plan, routePlan(plan, execution)), ...scans(plan, execution)];
  const steps = (plan.before ?? []).flatMap((step) => [
    `First: ${step.source}`,
    ...select(step.plan, execution).map(indent),
  ]);
  return [
    ...steps,
    ...(plan.locks === undefined ? lines : [lockRows(plan.locks), ...lines.map(indent)]),
  ];
}

const waits = { block: '', skip: ' SKIP LOCKED', error: ' NOWAIT' } as const;

function lockRows({ marks, limit }: LockRows): string {
  const tables = marks.map((mark) => {
    const { namespace, name } = mark.table.stored;
    return `${namespace}.${name} ${lockClause(mark)}${waits[mark.wait]}`;
  });
  return `LockRows: ${tables.join(', ')}${limit === undefined ? '' : ', up to LIMIT'}`;
}

function route(plan: SelectPlan, of: Route): string[] {
  if (of.kind === 'whole') {
    const lines = [`Executor: ${of.executor}`];
    for (const [name, why] of Object.entries(plan.support)) {
      if (why !== undefined && name !== of.executor) lines.push(`  not ${name}: ${why}`);
    }
    return lines;
  }
  return [
    'Executor: split',
    '  top:',
    ...route(plan.split!.upper, of.upper).map((line) => `    ${line}`),
    '  below:',
    ...route(plan.split!.lower, of.lower).map((line) => `    ${line}`),
  ];
}

function scans(plan: SelectPlan, execution: Execution): string[] {
  return [...plan.scans.values()].flatMap((scan) => {
    const { stored, columns } = scan.table;
    const lines = [
      `Scan on ${stored.namespace}.${stored.name} (${scopeTitle(scopeOf(scan, execution))})`,
    ];
    const pushed = scan.predicates.map((predicate) => {
      const column = columns.find((candidate) => candidate.id === predicate.columnId);
      return `${column?.name ?? '?'} ${predicate.op}`;
    });
    if (pushed.length > 0) lines.push(`  Pushed down: ${pushed.join(', ')}`);
    return lines;
  });
}

async function analyzed(
  session: SessionState,
  prepared: Prepared,
  planned: Planned,
  input: QueryInput,
): Promise<string[]> {
  const { clock } = session.engine;
  const reports: ScanReport[] = [];
  const execution: Execution = { ...executionOf(session, prepared, input), scanReports: reports };
  const start = clock.monotonicMs();
  const lines = describe(session, planned, execution);
  let rows = 0;
  if (planned.kind === 'select') {
    refuseRowLocks(session, planned.plan);
    for await (const batch of runPlan(planned.plan, execution)) rows += batch.length;
  } else if (planned.kind === 'dml') {
    rows = (await runDml(planned.plan, execution)).count;
  } else {
    throw notSupported(`EXPLAIN ANALYZE of this statement`);
  }
  for (const report of reports) {
    lines.push(
      `Read ${report.table} (${report.scope}): ${report.hotRows} hot rows, ${report.coldRows} cold rows, ${report.filesOpened} of ${report.filesKnown} files opened`,
    );
  }
  lines.push(`Rows: ${rows}`, `Execution Time: ${(clock.monotonicMs() - start).toFixed(3)} ms`);
  return lines;
}
