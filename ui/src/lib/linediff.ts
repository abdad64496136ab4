// What differs between two texts, line by line.
export interface DiffLine { kind: 'same' | 'added' | 'removed'; text: string }

/** The shortest difference of two texts; very long ones are compared as a whole. */
export function lineDiff(before: string, after: string, most = 4_000_000): DiffLine[] {
  const a = split(before), b = split(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (list: string[]): DiffLine[] => list.map((text) => ({ kind: 'same', text }));
  return [...same(a.slice(0, head)), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail), most), ...same(a.slice(a.length - tail))];
}

const split = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

function middle(a: string[], b: string[], most: number): DiffLine[] {
  const removed = (list: string[]): DiffLine[] => list.map((text) => ({ kind: 'removed', text }));
  const added = (list: string[]): DiffLine[] => list.map((text) => ({ kind: 'added', text }));
  if (!a.length || !b.length || a.length * b.length > most) return [...removed(a), ...added(b)];
  // The length of the longest common subsequence of what is left of each.
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
  const out: DiffLine[] = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) out.push({ kind: 'same', text: a[(j++, i++)]! });
    else if (common[i + 1]![j]! >= common[i]![j + 1]!) out.push(...removed([a[i++]!]));
    else out.push(...added([b[j++]!]));
  }
  return [...out, ...removed(a.slice(i)), ...added(b.slice(j))];
}

/** The changed lines with some unchanged ones around them; undefined stands for those left out. */
export function hunks(lines: DiffLine[], around = 3): (DiffLine | undefined)[] {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some((l) => l.kind !== 'same'));
  const out: (DiffLine | undefined)[] = [];
  lines.forEach((l, i) => {
    if (near[i]) out.push(l);
    else if (out.length && out.at(-1) !== undefined) out.push(undefined);
  });
  if (out.at(-1) === undefined) out.pop();
  return out;
}
