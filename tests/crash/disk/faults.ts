/** Which faults are tried. */
import type { Random } from '../random.ts';
import type { CallKind, Fault } from '../shim/control.ts';
import type { RoundReport } from './campaign.ts';

const failures: readonly { readonly kinds: readonly CallKind[]; readonly error: Fault['error'] }[] =
  [
    { kinds: ['write'], error: 'ENOSPC' },
    { kinds: ['write'], error: 'EIO' },
    { kinds: ['write'], error: 'short' },
    { kinds: ['sync'], error: 'EIO' },
    { kinds: ['rename'], error: 'EIO' },
    { kinds: ['open'], error: 'EIO' },
    { kinds: ['open', 'mkdir', 'write'], error: 'ENOSPC' },
    { kinds: ['unlink', 'truncate', 'mkdir'], error: 'EIO' },
    { kinds: ['open', 'mkdir'], error: 'ENOSPC' },
  ];

/** More calls of one round than any script makes. */
const nthMax = 10_000;

/** How the failures are called, for a run of some of them. */
export const failureNames: readonly string[] = failures.map(
  ({ kinds, error }) => `${kinds.join('/')} ${error}`,
);

/** Every nth call of every kind, or of those `named`, until a round has fewer; once and from then on. */
export function* everyFault(
  named: readonly string[] = failureNames,
): Generator<Fault, void, RoundReport | undefined> {
  for (const [n, failure] of failures.entries()) {
    if (!named.includes(failureNames[n]!)) continue;
    for (const persistent of [false, true]) {
      for (let nth = 1; nth < nthMax; nth++) {
        const report: RoundReport | undefined = yield { ...failure, nth, persistent };
        if (report?.fired === 0) break;
      }
    }
  }
}

/** Some of them. */
export function* someFaults(
  count: number,
  random: Random,
): Generator<Fault, void, RoundReport | undefined> {
  for (let n = 0; n < count; n++) {
    const failure = failures[n % failures.length]!;
    const frequent = failure.kinds.includes('write') || failure.kinds.includes('sync');
    const nth = frequent ? random.between(1, 30) : random.between(1, 2);
    yield { ...failure, nth, persistent: random.chance(0.5) };
  }
}
