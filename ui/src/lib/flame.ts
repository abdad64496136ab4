// The layout of a flame graph, its colors and what a search matches. Drawing is in Flame.svelte.
import type { components } from './openapi';
import { hue } from './format';

export type CallNode = components['schemas']['CallTreeNode'];

export interface Frame {
  index: number;
  parent: number; // -1: the root
  name: string;
  file: string;
  self: number;
  total: number;
  delta: number; // total minus that of the baseline
  depth: number;
  start: number; // where the frame begins, in the sample unit
  children: number[]; // the costliest first
  key: string; // of the path from the root: the same in the next answer
}

export interface Box {
  index: number;
  row: number;
  x: number;
  width: number;
}

/** Places the nodes of a call tree: siblings side by side from the start of their caller. */
export function layout(nodes: CallNode[], root = ''): Frame[] {
  const frames: Frame[] = [];
  const ends: number[] = []; // where the next child of each frame begins
  nodes.forEach((n, index) => {
    const parent = index === 0 ? -1 : (n.parent ?? 0);
    const caller = frames[parent];
    const name = (index === 0 && root) || n.function || '[unknown]';
    const total = n.totalValue ?? 0;
    const start = caller ? ends[parent]! : 0;
    frames.push({
      index, parent, name, file: n.file ?? '', self: n.selfValue ?? 0, total, delta: n.totalDelta ?? 0,
      depth: caller ? caller.depth + 1 : 0, start, children: [], key: caller ? digest(caller.key + '\n' + name + '\n' + (n.file ?? '')) : '',
    });
    ends.push(start);
    if (!caller) return;
    ends[parent] = start + total;
    caller.children.push(index);
  });
  return frames;
}

/** 64 bits of a text: enough to find one of some thousand paths again. */
function digest(text: string): string {
  let a = 2166136261;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 16777619);
    b = Math.imul(b ^ c, 0x85ebca6b) ^ (b >>> 13);
  }
  return (a >>> 0).toString(36) + '-' + (b >>> 0).toString(36);
}

/** The boxes to draw while one frame is zoomed: its callers span the width, its callees share it. */
export function boxes(frames: Frame[], zoomed: number, width: number, least = 0.5): Box[] {
  const root = frames[zoomed];
  if (!root || width <= 0) return [];
  const list: Box[] = [];
  for (let i = root.parent; i >= 0; i = frames[i]!.parent) list.unshift({ index: i, row: frames[i]!.depth, x: 0, width });
  const scale = root.total > 0 ? width / root.total : 0;
  const inside = new Set<number>();
  for (const f of frames) {
    if (f.index !== zoomed && !inside.has(f.parent)) continue;
    const box = { index: f.index, row: f.depth, x: (f.start - root.start) * scale, width: f.index === zoomed ? width : f.total * scale };
    if (box.width < least) continue;
    inside.add(f.index);
    list.push(box);
  }
  return list;
}

/** The box beside another one in its row, or that box itself at the end of the row. */
export function beside(list: Box[], index: number, direction: 1 | -1): number {
  const row = list.filter((b) => b.row === list.find((o) => o.index === index)?.row).sort((a, b) => a.x - b.x);
  return row[row.findIndex((b) => b.index === index) + direction]?.index ?? index;
}

/** The frame that an arrow key moves to. */
export function moved(frames: Frame[], list: Box[], at: number, key: string, inverted = false): number {
  const shown = (i: number | undefined) => (i !== undefined && list.some((b) => b.index === i) ? i : at);
  if (key === 'ArrowLeft' || key === 'ArrowRight') return beside(list, at, key === 'ArrowRight' ? 1 : -1);
  return (key === 'ArrowDown') === inverted ? shown(frames[at]?.parent) : shown(frames[at]?.children[0]);
}

export interface Matches {
  frames: Set<number>;
  functions: number;
  share: number; // of the root, of what has a matching function on its stack
  atLeast: boolean; // the tree was pruned, so that more may match
}

export const contains = (name: string, file: string, find: string): boolean => (name + '\n' + file).toLowerCase().includes(find.toLowerCase());

/** What a search matches. A match below another one counts once. */
export function search(frames: Frame[], find: string): Matches {
  const hits = new Set<number>();
  const covered = new Set<number>();
  const names = new Set<string>();
  let value = 0;
  let shown = 0;
  for (const f of frames) {
    shown += f.self;
    const hit = find !== '' && f.index > 0 && contains(f.name, f.file, find);
    if (hit) {
      hits.add(f.index);
      names.add(f.name);
      if (!covered.has(f.parent)) value += f.total;
    }
    if (hit || covered.has(f.parent)) covered.add(f.index);
  }
  const total = frames[0]?.total ?? 0;
  return { frames: hits, functions: names.size, share: total > 0 ? value / total : 0, atLeast: shown < total * (1 - 1e-9) && value < total };
}

/** The costliest frames below one, each after its caller: the rows of a table. */
export function costliest(frames: Frame[], zoomed: number, most: number): Frame[] {
  const below: Frame[] = [];
  const visit = [zoomed];
  while (visit.length) {
    const f = frames[visit.pop()!];
    if (!f) continue;
    below.push(f);
    visit.push(...[...f.children].reverse());
  }
  if (below.length <= most) return below;
  const kept = new Set([...below].sort((a, b) => b.total - a.total || a.depth - b.depth || a.index - b.index).slice(0, most).map((f) => f.index));
  return below.filter((f) => kept.has(f.index));
}

export interface Change {
  ratio: number; // -1: only the baseline has it, 0: unchanged, 1: new
  sign: '' | '+' | '−';
  text: string;
}

/** By how much a value differs from its baseline. */
export function change(value: number, delta: number): Change {
  const before = value - delta;
  const most = Math.max(value, before);
  const ratio = most > 0 ? Math.max(-1, Math.min(1, delta / most)) : 0;
  if (Math.abs(ratio) < 0.01) return { ratio: 0, sign: '', text: '±0 %' };
  const sign = ratio > 0 ? '+' : '−';
  if (before <= most * 1e-9) return { ratio, sign, text: 'new' };
  const percent = Math.abs(delta / before) * 100;
  return { ratio, sign, text: percent >= 1000 ? `×${Math.round(value / before)}` : `${sign}${Math.round(percent)} %` };
}

/** Part of a name that its color comes from: package, namespace or class. */
export function packageOf(name: string): string {
  const head = name.split(/[(<]/)[0]!;
  const colons = head.lastIndexOf('::');
  if (colons > 0) return head.slice(0, colons);
  const slash = head.lastIndexOf('/');
  const parts = head.slice(slash + 1).split('.').filter(Boolean);
  return head.slice(0, slash + 1) + (slash < 0 && parts.length > 3 ? parts.slice(0, -2).join('.') : (parts[0] ?? ''));
}

/** Hue, saturation and lightness of a frame; its text is readable on it. */
export function color(f: Frame, diff: boolean, dark: boolean): [number, number, number] {
  if (f.index === 0 || /\[(unsymbolized|truncated|unknown)\]$/.test(f.name)) return [210, 8, dark ? 26 : 86];
  if (!diff) return [hue(packageOf(f.name)), dark ? 30 : 55, dark ? 28 : 82];
  const { ratio } = change(f.total, f.delta);
  if (ratio === 0) return [210, 8, dark ? 26 : 90];
  const strength = Math.sqrt(Math.abs(ratio)); // a small change is seen too
  return ratio > 0 ? [8, dark ? 50 : 85, dark ? 20 + 16 * strength : 92 - 22 * strength] : [215, dark ? 50 : 85, dark ? 20 + 18 * strength : 93 - 20 * strength];
}
