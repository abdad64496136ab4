import { describe, expect, it } from 'vitest';
import { branches, processes } from './processes';
import type { Row } from './records';

const event = (name: string, pid: number, executable: string, time: number, ancestors: [string, string][], more: Record<string, string> = {}): Row => ({
  id: String(time), sequence: '', time, level: 'info', service: executable, event: name, body: '', traceId: '', spanId: '', resource: [],
  attributes: Object.entries({ 'tapio.process.key': `${pid}:1`, 'process.executable.name': executable, 'tapio.process.ancestor_keys': JSON.stringify(ancestors.map(([k]) => k)), 'tapio.process.ancestor_names': JSON.stringify(ancestors.map(([, n]) => n)), ...more }),
});
const shell: [string, string][] = [['10:1', 'bash'], ['1:1', 'init']];

describe('processes', () => {
  it('are a tree of what events name, whichever comes first', () => {
    const rows = [
      event('tapio.process.exit', 20, 'make', 9, shell, { 'process.exit.code': '2', 'tapio.process.duration': '0.004' }),
      event('tapio.process.exec', 20, 'make', 5, shell, { 'process.command_args': '["make","test"]' }),
      event('tapio.process.exec', 21, 'go', 6, [['20:1', 'make'], ...shell]),
    ];
    for (const order of [rows, [...rows].reverse()]) {
      const [init] = processes(order);
      expect(init).toMatchObject({ name: 'init', pid: '1', children: [{ name: 'bash', children: [{ name: 'make', command: 'make test', started: 5, ended: 9, result: 'code 2', failed: true, children: [{ name: 'go', ended: 0 }] }] }] });
    }
  });

  it('takes the begin of a process from how long it lived', () => {
    const [p] = processes([event('tapio.process.exit', 20, 'sleep', 5000, [], { 'process.exit.code': '0', 'tapio.process.duration': '2.5' })]);
    expect(p).toMatchObject({ started: 2500, result: 'ok', failed: false });
  });

  it('ignores ancestors that are no list', () => {
    expect(processes([event('tapio.process.exec', 7, 'x', 1, [], { 'tapio.process.ancestor_keys': 'oops' })])).toHaveLength(1);
  });
});

describe('the rows of the tree', () => {
  const many = Array.from({ length: 5 }, (_, i) => event('tapio.process.exit', 30 + i, 'grep', 10 + i, shell, { 'process.exit.code': i ? '0' : '1' }));
  const roots = processes([...many, event('tapio.process.exec', 40, 'vi', 20, shell)]);
  const text = (list: ReturnType<typeof branches>) => list.map((b) => '  '.repeat(b.depth) + b.process.name + (b.same.length > 1 ? ' ×' + b.same.length : '') + (b.failures ? ' !' + b.failures : ''));

  it('fold many siblings of one name, and count failures up to the root', () => {
    expect(text(branches(roots, new Set()))).toEqual(['init !1', '  bash !1', '    grep ×5 !1', '    vi']);
  });
  it('unfold what is opened, and fold a process that is closed', () => {
    const all = branches(roots, new Set(['10:1/grep']));
    expect(all).toHaveLength(9);
    expect(all[3]).toMatchObject({ depth: 3 });
    expect(text(branches(roots, new Set(['10:1'])))).toEqual(['init !1', '  bash !1']);
  });
  it('keep only what failed and the way to it', () => {
    expect(text(branches(roots, new Set(), true))).toEqual(['init !1', '  bash !1', '    grep !1']);
  });
});
