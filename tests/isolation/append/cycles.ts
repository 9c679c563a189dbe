/** Shortest cycles of certain kinds in a graph of dependencies. */
import type { Edge, EdgeKind } from './graph.ts';

export type Cycle = readonly Edge[];

type Neighbours = ReadonlyMap<number, readonly Edge[]>;

function neighbours(edges: readonly Edge[]): Neighbours {
  const from = new Map<number, Edge[]>();
  for (const edge of edges) {
    const list = from.get(edge.from);
    if (list === undefined) from.set(edge.from, [edge]);
    else list.push(edge);
  }
  return from;
}

/** Strongly connected components of more than one node (Tarjan), without recursion. Node to component. */
export function components(edges: readonly Edge[]): ReadonlyMap<number, number> {
  const from = neighbours(edges);
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const stack: number[] = [];
  const onStack = new Set<number>();
  const found = new Map<number, number>();
  let components = 0;
  for (const root of from.keys()) {
    if (index.has(root)) continue;
    const work = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const frame = work.at(-1)!;
      const { node } = frame;
      if (frame.next === 0) {
        index.set(node, index.size);
        low.set(node, index.get(node)!);
        stack.push(node);
        onStack.add(node);
      }
      const edge = from.get(node)?.[frame.next];
      if (edge !== undefined) {
        frame.next++;
        if (!index.has(edge.to)) work.push({ node: edge.to, next: 0 });
        else if (onStack.has(edge.to)) {
          low.set(node, Math.min(low.get(node)!, index.get(edge.to)!));
        }
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.node;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent)!, low.get(node)!));
      if (low.get(node) !== index.get(node)) continue;
      const members = stack.splice(stack.lastIndexOf(node));
      for (const member of members) onStack.delete(member);
      if (members.length > 1) for (const member of members) found.set(member, components);
      components++;
    }
  }
  return found;
}

/** Which steps a search may take: whether `kind` may follow the kind before, undefined at the start. */
export interface Search {
  readonly kinds: ReadonlySet<EdgeKind>;
  /** The cycle begins with an edge of this kind. */
  readonly first: EdgeKind;
  /** How often `rw` may come; `apart`: never twice in a row, also not from the end to the beginning. */
  readonly antiDependencies: 'one' | 'apart' | 'any';
}

/** The shortest cycle through `first`, by breadth. States tell whether the last edge was an anti-dependency. */
function shortestThrough(from: Neighbours, first: Edge, search: Search): Cycle | undefined {
  const rwAllowed = (lastWasRw: boolean): boolean =>
    search.antiDependencies === 'any' || (search.antiDependencies === 'apart' && !lastWasRw);
  const stateOf = (node: number, lastWasRw: boolean): string => `${node} ${lastWasRw}`;
  const start = { node: first.to, rw: first.kind === 'rw' };
  const came = new Map<string, { edge: Edge; before: string } | undefined>([
    [stateOf(start.node, start.rw), undefined],
  ]);
  let front = [start];
  while (front.length > 0) {
    const next: typeof front = [];
    for (const { node, rw } of front) {
      for (const edge of from.get(node) ?? []) {
        const isRw = edge.kind === 'rw';
        if (isRw && !rwAllowed(rw)) continue;
        const state = stateOf(edge.to, isRw);
        const closes = edge.to === first.from;
        // The first edge follows the last.
        if (closes && isRw && first.kind === 'rw' && search.antiDependencies === 'apart') continue;
        if (came.has(state)) continue;
        came.set(state, { edge, before: stateOf(node, rw) });
        if (!closes) {
          next.push({ node: edge.to, rw: isRw });
          continue;
        }
        const path: Edge[] = [];
        for (let at = came.get(state); at !== undefined; at = came.get(at.before)) {
          path.unshift(at.edge);
        }
        return [first, ...path];
      }
    }
    front = next;
  }
  return undefined;
}

/** The shortest cycle that the search admits; undefined when there is none. */
export function findCycle(edges: readonly Edge[], search: Search): Cycle | undefined {
  const used = edges.filter(({ kind }) => search.kinds.has(kind));
  const component = components(used);
  const inside = used.filter(
    ({ from, to }) => component.has(from) && component.get(from) === component.get(to),
  );
  const from = neighbours(inside);
  let best: Cycle | undefined;
  for (const first of inside) {
    if (first.kind !== search.first) continue;
    const cycle = shortestThrough(from, first, search);
    if (cycle !== undefined && (best === undefined || cycle.length < best.length)) best = cycle;
    if (best?.length === 2) break;
  }
  return best;
}
