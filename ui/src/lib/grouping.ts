// Services of the map folded into groups, such as namespaces or nodes.
import type { Edge, Node, RED } from './discovery';

export interface Box extends Omit<Node, 'type'> {
  type: Node['type'] | 'group';
  group: string;
  members: number;
}

/** Requests of several together: percentiles are those of the slowest, as an upper bound. */
function sum(list: RED[]): RED {
  const total = { requests: 0, errors: 0, rate: 0, errorRatio: 0, p50: 0, p95: 0, p99: 0, metrics: false };
  for (const r of list) {
    total.requests += r.requests;
    total.errors += r.errors;
    total.rate += r.rate;
    for (const p of ['p50', 'p95', 'p99'] as const) total[p] = Math.max(total[p], r[p]);
  }
  total.errorRatio = total.requests ? total.errors / total.requests : 0;
  return total;
}

/** Peers without telemetry are in the group of their callers, where that is one. */
export function groupsOf(nodes: Node[], edges: Edge[], ofService: Map<string, string>): Map<string, string> {
  const groups = new Map(nodes.filter((n) => n.type === 'service' && ofService.get(n.name)).map((n) => [n.id, ofService.get(n.name)!]));
  for (const n of nodes) {
    if (n.type === 'service') continue;
    const callers = new Set(edges.filter((e) => e.server === n.id).map((e) => groups.get(e.client) ?? ''));
    const [only] = callers;
    if (callers.size === 1 && only) groups.set(n.id, only);
  }
  return groups;
}

/** The map with the groups that are not open drawn as one box each. */
export function fold(nodes: Node[], edges: Edge[], groups: Map<string, string>, open: Set<string>): { nodes: Box[]; edges: Edge[] } {
  const inside = new Map<string, Node[]>();
  const boxes: Box[] = [];
  const place = (id: string) => {
    const group = groups.get(id);
    return group && !open.has(group) ? 'group:' + group : id;
  };
  for (const n of nodes) {
    const group = groups.get(n.id) ?? '';
    if (place(n.id) === n.id) boxes.push({ ...n, group, members: 0 });
    else inside.set(group, [...(inside.get(group) ?? []), n]);
  }
  const joined = new Map<string, Edge[]>();
  for (const e of edges) {
    const [client, server] = [place(e.client), place(e.server)];
    if (client === server && client !== e.client) continue;
    const key = client + '\u0000' + server;
    joined.set(key, [...(joined.get(key) ?? []), { ...e, client, server }]);
  }
  // What enters a group from outside is its load; a group that no one calls has that of its members.
  for (const [group, members] of inside) {
    const entering = edges.filter((e) => place(e.server) === 'group:' + group && place(e.client) !== 'group:' + group);
    boxes.push({ id: 'group:' + group, name: group, type: 'group', group: '', members: members.length, red: sum(entering.length ? entering.map((e) => e.red) : members.map((m) => m.red)) });
  }
  return { nodes: boxes, edges: [...joined.values()].map((list) => ({ ...list[0]!, red: sum(list.map((e) => e.red)), kernel: list.every((e) => e.kernel) })) };
}
