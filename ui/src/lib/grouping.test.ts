import { describe, expect, it } from 'vitest';
import { fold, groupsOf } from './grouping';
import type { Edge, Node } from './discovery';

const red = (requests: number, errors = 0, p95 = 1) => ({ requests, errors, rate: 0, errorRatio: requests ? errors / requests : 0, p50: 1, p95, p99: 1, metrics: false });
const node = (name: string, type: Node['type'] = 'service', requests = 10): Node => ({ id: `${type}:${name}`, name, type, red: red(requests) });
const edge = (client: string, server: string, requests = 10, errors = 0, p95 = 1): Edge => ({ client: 'service:' + client, server: server.includes(':') ? server : 'service:' + server, red: red(requests, errors, p95), kernel: false });
const nodes = [node('web'), node('cart'), node('pay'), node('db', 'database')];
const edges = [edge('web', 'cart', 30, 3, 5), edge('web', 'pay', 10, 0, 9), edge('cart', 'pay'), edge('pay', 'database:db')];
const groups = groupsOf(nodes, edges, new Map([['web', 'front'], ['cart', 'shop'], ['pay', 'shop']]));

describe('groups of the map', () => {
  it('hold the peers that only they call', () => {
    expect(groups.get('database:db')).toBe('shop');
    expect(groupsOf(nodes, [...edges, edge('web', 'database:db')], new Map([['web', 'front'], ['pay', 'shop']])).has('database:db')).toBe(false);
  });
  it('are one box each, with the calls from outside', () => {
    const map = fold(nodes, edges, groups, new Set());
    expect(map.nodes.map((n) => [n.id, n.members, n.red.requests])).toEqual([['group:front', 1, 10], ['group:shop', 3, 40]]);
    expect(map.edges).toMatchObject([{ client: 'group:front', server: 'group:shop', red: { requests: 40, errors: 3, errorRatio: 0.075, p95: 9 } }]);
  });
  it('show their members when they are open', () => {
    const map = fold(nodes, edges, groups, new Set(['shop']));
    expect(map.nodes.map((n) => n.id)).toEqual(['service:cart', 'service:pay', 'database:db', 'group:front']);
    expect(map.edges.map((e) => `${e.client} ${e.server}`)).toEqual(['group:front service:cart', 'group:front service:pay', 'service:cart service:pay', 'service:pay database:db']);
  });
});
