/**
 * Whether the calls of one row can be put into an order, each at a moment between its start and its end, in which all answers are
 * right: linearizability, decided by the search of Wing and Gong with Lowe's memory of what has been tried ("Testing for
 * linearizability", 2017).
 */
import type { Call, State } from './model.ts';
import { apply, describeCall } from './model.ts';

/** An entry of the list of events; a call and its return are linked while the call has no place in the order. */
interface Event {
  /** Index of the call. */
  readonly call: number;
  readonly returns: boolean;
  readonly at: number;
  before: Event | undefined;
  after: Event | undefined;
}

const unlink = (event: Event): void => {
  event.before!.after = event.after;
  if (event.after !== undefined) event.after.before = event.before;
};
const relink = (event: Event): void => {
  event.before!.after = event;
  if (event.after !== undefined) event.after.before = event;
};

/** The list's head, which is no event itself, and each call's return; an unknown call has none. */
function eventsOf(calls: readonly Call[]): { head: Event; returnOf: ReadonlyMap<number, Event> } {
  const blank = { before: undefined, after: undefined };
  const events: Event[] = calls.flatMap(({ start, end, answer }, call) => [
    { call, returns: false, at: start, ...blank },
    ...(answer === undefined ? [] : [{ call, returns: true, at: end, ...blank }]),
  ]);
  // At the same instant starts come first: then the calls are not ordered.
  const sorted = events.toSorted((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns));
  const head: Event = { call: -1, returns: false, at: Number.NEGATIVE_INFINITY, ...blank };
  let last = head;
  for (const event of sorted) {
    last.after = event;
    event.before = last;
    last = event;
  }
  return {
    head,
    returnOf: new Map(sorted.filter(({ returns }) => returns).map((event) => [event.call, event])),
  };
}

/** Undefined when it is linearizable, else how far an order could be found and what did not fit there. */
export function checkLinearizable(calls: readonly Call[], initial: State): string | undefined {
  const { head, returnOf } = eventsOf(calls);
  const tried = new Set<string>();
  const placed: { event: Event; before: State }[] = [];
  let state = initial;
  let done = 0n;
  let best: { order: readonly number[]; state: State } = { order: [], state };
  let event = head.after;
  while (event !== undefined) {
    if (event.returns) {
      // This call should have been placed by now: something placed before was wrong.
      const last = placed.pop();
      if (last === undefined) return describeFailure(calls, best);
      state = last.before;
      done &= ~(1n << BigInt(last.event.call));
      const returned = returnOf.get(last.event.call);
      if (returned !== undefined) relink(returned);
      relink(last.event);
      event = last.event.after;
      continue;
    }
    const call = calls[event.call]!;
    const next = apply(state, call.statement);
    if (call.answer === undefined || call.answer === next.answer) {
      const with_ = done | (1n << BigInt(event.call));
      const memory = `${with_.toString(36)} ${next.state}`;
      if (!tried.has(memory)) {
        tried.add(memory);
        placed.push({ event, before: state });
        done = with_;
        state = next.state;
        unlink(event);
        const returned = returnOf.get(event.call);
        if (returned !== undefined) unlink(returned);
        if (placed.length > best.order.length) {
          best = { order: placed.map((each) => each.event.call), state };
        }
        event = head.after;
        continue;
      }
    }
    event = event.after;
  }
  // Only unknown calls are left.
  return undefined;
}

const shownBefore = 6;
const shownAfter = 8;

function describeFailure(
  calls: readonly Call[],
  best: { readonly order: readonly number[]; readonly state: State },
): string {
  const placed = new Set(best.order);
  const left = calls
    .filter((_, index) => !placed.has(index))
    .toSorted((a, b) => a.end - b.end)
    .slice(0, shownAfter);
  return [
    `${best.order.length} of ${calls.length} calls can be put into an order; its last ones:`,
    ...best.order.slice(-shownBefore).map((index) => `  ${describeCall(calls[index]!)}`),
    `then the value is ${best.state ?? 'no row'}, and none of these can be next:`,
    ...left.map((call) => `  ${describeCall(call)}`),
  ].join('\n');
}
