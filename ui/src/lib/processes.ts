// Processes as a tree, from the events of the kernel that name a process and its ancestors.
import type { Row } from './records';

export interface Process {
  key: string;
  name: string;
  pid: string;
  command: string;
  started: number; // 0: before the events
  ended: number; // 0: not seen
  result: string; // how it ended; '' if that was not seen
  failed: boolean;
  events: number;
  children: Process[];
}

/** A row of the tree: a process, or several of one name under one parent. */
export interface Branch {
  process: Process;
  same: Process[]; // more than one: folded into this row
  depth: number;
  below: number; // processes under it
  failures: number; // of them and itself
  id: string;
}

function list(text: string | undefined): string[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}

/** The roots of the processes that events report; the order of the events does not matter. */
export function processes(rows: Row[]): Process[] {
  const byKey = new Map<string, Process>();
  const parents = new Map<string, string>();
  const of = (key: string, name: string): Process => {
    let p = byKey.get(key);
    if (!p) byKey.set(key, (p = { key, name, pid: key.split(':')[0]!, command: '', started: 0, ended: 0, result: '', failed: false, events: 0, children: [] }));
    if (!p.name) p.name = name;
    return p;
  };
  for (const r of rows) {
    const attributes = new Map(r.attributes);
    const key = attributes.get('tapio.process.key');
    if (!key) continue;
    const p = of(key, attributes.get('process.executable.name') ?? r.service);
    p.events++;
    note(p, r, attributes);
    const keys = list(attributes.get('tapio.process.ancestor_keys')), names = list(attributes.get('tapio.process.ancestor_names'));
    let child = key;
    keys.forEach((k, i) => {
      of(k, names[i] ?? '');
      if (!parents.has(child)) parents.set(child, k);
      child = k;
    });
  }
  const roots: Process[] = [];
  for (const p of byKey.values()) (byKey.get(parents.get(p.key) ?? '')?.children ?? roots).push(p);
  const sort = (level: Process[]) => {
    level.sort((a, b) => a.started - b.started || a.name.localeCompare(b.name) || Number(a.pid) - Number(b.pid));
    level.forEach((p) => sort(p.children));
  };
  sort(roots);
  return roots;
}

function note(p: Process, r: Row, attributes: Map<string, string>) {
  if (r.event === 'tapio.process.exec') {
    p.started = r.time;
    p.name = attributes.get('process.executable.name') ?? p.name;
    p.command = list(attributes.get('process.command_args')).join(' ') || r.body;
  } else if (r.event === 'tapio.process.exit') {
    p.ended = r.time;
    const code = attributes.get('process.exit.code') ?? '', signal = attributes.get('process.exit.signal') ?? attributes.get('tapio.process.signal') ?? '';
    p.result = signal && signal !== '0' ? 'signal ' + signal : code === '0' ? 'ok' : code ? 'code ' + code : r.body.replace(/^exit [^:]*: /, '');
    if (!p.started && Number(attributes.get('tapio.process.duration'))) p.started = r.time - Number(attributes.get('tapio.process.duration')) * 1e3;
  }
  if (r.level === 'warn' || r.level === 'error' || r.level === 'fatal' || (p.result && p.result !== 'ok')) p.failed = true;
}

const least = 4; // siblings of one name that are folded into a row

/** The rows of the tree: open lists the ids of the rows that are turned from how they begin. */
export function branches(roots: Process[], turned: Set<string>, onlyFailed = false): Branch[] {
  const sizes = new Map<string, [number, number]>();
  const size = (p: Process): [number, number] => {
    const known = sizes.get(p.key);
    if (known) return known;
    let below = 0, failures = p.failed ? 1 : 0;
    for (const c of p.children) {
      const [b, f] = size(c);
      below += b + 1;
      failures += f;
    }
    sizes.set(p.key, [below, failures]);
    return [below, failures];
  };
  const out: Branch[] = [];
  const walk = (level: Process[], depth: number, parent: string) => {
    const byName = new Map<string, Process[]>();
    for (const p of level) if (!onlyFailed || size(p)[1] > 0) byName.set(p.name, [...(byName.get(p.name) ?? []), p]);
    for (const [name, same] of byName) {
      const together = parent + '/' + name;
      if (same.length >= least) {
        const sums = same.map(size);
        out.push({ process: same[0]!, same, depth, below: sums.reduce((n, [b]) => n + b, 0), failures: sums.reduce((n, [, f]) => n + f, 0), id: together });
        if (!turned.has(together)) continue;
      }
      for (const p of same) {
        const [below, failures] = size(p);
        const deeper = same.length >= least ? 1 : 0;
        out.push({ process: p, same: [p], depth: depth + deeper, below, failures, id: p.key });
        if (!turned.has(p.key)) walk(p.children, depth + deeper + 1, p.key);
      }
    }
  };
  walk(roots, 0, '');
  return out;
}
