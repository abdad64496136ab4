// Two traces side by side, by the calls that both have.
export interface Call {
  service: string;
  name: string;
  depth: number;
  duration: number; // in milliseconds
  self: number;
  failed: boolean;
  attributes: [string, string][];
}

export interface Side { count: number; duration: number; self: number; errors: number; attributes: [string, string][] }

export interface DiffRow {
  key: string;
  service: string;
  name: string;
  depth: number;
  a: Side | undefined; // undefined: only in the other trace
  b: Side | undefined;
}

interface Tree { key: string; service: string; name: string; depth: number; a?: Side; b?: Side; children: Map<string, Tree> }

// Figures in names, such as ids in a path, do not make calls different.
const alike = (name: string) => name.replace(/[0-9a-f]{8,}|\d+/gi, '#');

function add(root: Tree, calls: Call[], side: 'a' | 'b') {
  const path: Tree[] = [root];
  for (const c of calls) {
    const parent = path[Math.min(c.depth, path.length - 1)]!;
    const key = c.service + '\u0000' + alike(c.name);
    let node = parent.children.get(key);
    if (!node) parent.children.set(key, (node = { key: parent.key + '\u0001' + key, service: c.service, name: c.name, depth: c.depth, children: new Map() }));
    const s = (node[side] ??= { count: 0, duration: 0, self: 0, errors: 0, attributes: c.attributes });
    s.count++;
    s.duration += c.duration;
    s.self += c.self;
    if (c.failed) s.errors++;
    path.splice(c.depth + 1, path.length, node);
  }
}

/** The calls of two traces, those of one parent and name added up; calls come in the order of the tree. */
export function diff(a: Call[], b: Call[]): DiffRow[] {
  const root: Tree = { key: '', service: '', name: '', depth: -1, children: new Map() };
  add(root, a, 'a');
  add(root, b, 'b');
  const rows: DiffRow[] = [];
  const walk = (t: Tree) => {
    for (const c of t.children.values()) {
      rows.push({ key: c.key, service: c.service, name: c.name, depth: c.depth, a: c.a, b: c.b });
      walk(c);
    }
  };
  walk(root);
  return rows;
}

/** What makes a row worth a look: calls in one trace only, other counts, other failures, or a self time that is the most of the difference. */
export function differs(row: DiffRow, least: number): boolean {
  if (!row.a || !row.b) return true;
  return row.a.count !== row.b.count || row.a.errors !== row.b.errors || Math.abs(row.a.self - row.b.self) >= least;
}

/** Attributes whose values differ between the first calls of either side. */
export function changedAttributes(row: DiffRow): { key: string; a: string; b: string }[] {
  const left = new Map(row.a?.attributes ?? []), right = new Map(row.b?.attributes ?? []);
  return [...new Set([...left.keys(), ...right.keys()])].sort().map((key) => ({ key, a: left.get(key) ?? '', b: right.get(key) ?? '' })).filter((d) => d.a !== d.b);
}
