import type { FuncCall } from '../../analyzer/tree.ts';
import { PgError, SqlState, uuidV4 } from '../../base/index.ts';
import { advisoryFunctions, isPlain } from '../../planner/advisory-functions.ts';
import { Oid } from '../../types/oid.ts';
import type { Value } from '../../types/value.ts';
import { callNow } from '../row-calls.ts';
import { firstUserOid } from './access-path.ts';
import { compileExpr } from './compile-expr.ts';
import type { Environment, Evaluator } from './frame.ts';
import type { Scope } from './scope.ts';
import { unsupported } from './unsupported.ts';

type SessionFunction = (environment: Environment, args: readonly Value[]) => Value;

function setting(environment: Environment, name: string, missingOk: boolean): Value {
  const value = environment.context.statement.setting(name);
  if (value === undefined && !missingOk) {
    throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
  }
  return value ?? null;
}

/** Functions of the session, the clock, randomness and sequences; all are strict. */
export const sessionFunctions: readonly (readonly [
  oid: number,
  signature: string,
  run: SessionFunction,
])[] = [
  [1299, 'now()', ({ context }) => context.statement.transactionTime],
  [2647, 'transaction_timestamp()', ({ context }) => context.statement.transactionTime],
  [2648, 'statement_timestamp()', ({ context }) => context.statement.statementTime],
  [2649, 'clock_timestamp()', ({ context }) => context.statement.clock.now()],
  [3432, 'gen_random_uuid()', ({ context }) => uuidV4(context.statement.random)],
  [6428, 'uuidv4()', ({ context }) => uuidV4(context.statement.random)],
  [6429, 'uuidv7()', ({ context }) => context.statement.uuidV7()],
  [
    1574,
    'nextval(regclass)',
    ({ context }, [id]) => context.statement.sequences.nextval(id as number),
  ],
  [
    1575,
    'currval(regclass)',
    ({ context }, [id]) => context.statement.sequences.currval(id as number),
  ],
  [2559, 'lastval()', ({ context }) => context.statement.sequences.lastval()],
  [
    1576,
    'setval(regclass,int8)',
    ({ context }, [id, value]) =>
      context.statement.sequences.setval(id as number, value as bigint, true),
  ],
  [
    1765,
    'setval(regclass,int8,bool)',
    ({ context }, [id, value, called]) =>
      context.statement.sequences.setval(id as number, value as bigint, called as boolean),
  ],
  [745, 'current_user()', ({ context }) => context.statement.currentUser],
  [746, 'session_user()', ({ context }) => context.statement.sessionUser],
  [710, 'getpgusername()', ({ context }) => context.statement.currentUser],
  [861, 'current_database()', ({ context }) => context.statement.database],
  [2026, 'pg_backend_pid()', ({ context }) => context.statement.backendPid],
  [
    2077,
    'current_setting(text)',
    (environment, [name]) => setting(environment, name as string, false),
  ],
  [
    3294,
    'current_setting(text,bool)',
    (environment, [name, missingOk]) => setting(environment, name as string, missingOk as boolean),
  ],
  [
    2561,
    'pg_blocking_pids(int4)',
    ({ context }, [pid]) => intArray(context.statement.blockingPids(pid as number)),
  ],
  ...[...advisoryFunctions].flatMap(([oid, of]) =>
    isPlain(of)
      ? [
          [
            oid,
            `${of.name}(${of.args})`,
            ({ context }: Environment, key: readonly Value[]) =>
              callNow(of, key, context.statement.advisory),
          ] as const,
        ]
      : [],
  ),
];

function intArray(elements: readonly number[]): Value {
  const dims = elements.length === 0 ? [] : [elements.length];
  return { kind: 'array', elements, dims, lowerBounds: dims.map(() => 1) };
}

const byOid = new Map(sessionFunctions.map(([oid, , run]) => [oid, run]));

/** Functions whose OIDs differ from server to server, by name as the catalog gives it, schema left out. */
const byName: ReadonlyMap<string, SessionFunction> = new Map([
  ['snowflake_id', ({ context }: Environment) => context.statement.snowflakeId()],
]);

function unqualified(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).replace(/\(.*$/s, '');
}

export function compileSessionFunction(expr: FuncCall, scope: Scope): Evaluator | undefined {
  const run = byOid.get(expr.funcId) ?? namedFunction(expr, scope);
  if (!run) return undefined;
  if (expr.args[0]?.typeOid === Oid.regclass && !isSequence(expr, scope))
    unsupported('a sequence by name');
  const args = expr.args.map((arg, i) =>
    i === 0 && arg.kind === 'const' && arg.typeOid === Oid.regclass
      ? () => arg.value as number
      : compileExpr(arg, scope),
  );
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    return values.includes(null) ? null : run(frame.environment, values);
  };
}

function isSequence(expr: FuncCall, scope: Scope): boolean {
  const [arg] = expr.args;
  if (arg?.kind !== 'const' || typeof arg.value !== 'number') return false;
  return scope.compiler.catalog.sequence(arg.value) !== undefined;
}

function namedFunction(expr: FuncCall, scope: Scope): SessionFunction | undefined {
  if (expr.funcId < firstUserOid) return undefined;
  const name = scope.compiler.catalog.functionName(expr.funcId);
  return name === undefined ? undefined : byName.get(unqualified(name));
}
