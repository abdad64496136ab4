// Histograms over time: how many observations of each size in each interval.
import type { Range } from './time.svelte';

export interface Heat {
  times: number[]; // starts of the columns, in milliseconds
  width: number; // of a column, in milliseconds
  bounds: number[]; // upper bounds of the rows, the smallest first
  low: number; // lower bound of the first row
  cells: number[][]; // by row, then column
  max: number;
}

const empty = (times: number[], width: number): Heat => ({ times, width, bounds: [], low: 0, cells: [], max: 0 });

function build(times: number[], width: number, low: number, bounds: number[], value: (row: number, column: number) => number): Heat {
  const cells = bounds.map((_, r) => times.map((_t, c) => Math.max(0, value(r, c))));
  return { times, width, bounds, low, cells, max: Math.max(0, ...cells.flat()) };
}

/** Counts by upper bound in seconds and start of the bucket, with two rows for each power of two. */
export function fromDurations(groups: { value: string; buckets: Map<number, number> }[], times: number[], width: number): Heat {
  const by = new Map(groups.filter((g) => Number(g.value) > 0).map((g) => [step(Number(g.value)), g.buckets]));
  if (!by.size) return empty(times, width);
  const first = Math.min(...by.keys()), last = Math.max(...by.keys());
  const bounds = Array.from({ length: last - first + 1 }, (_, i) => 2 ** ((first + i) / 2) / 1e9);
  return build(times, width, 2 ** ((first - 1) / 2) / 1e9, bounds, (r, c) => by.get(first + r)?.get(times[c]!) ?? 0);
}
const step = (seconds: number) => Math.round(2 * Math.log2(seconds * 1e9));

export interface ClassicSeries { metric: Record<string, string>; values?: [number, string][] }
export interface NativeSeries { histograms?: [number, { buckets?: [number, string, string, string][] }][] }

/** Cumulative counts by the label le, each of the step that ends at its time in seconds. */
export function fromClassic(series: ClassicSeries[], times: number[], width: number): Heat {
  const by = series.map((s) => ({ le: s.metric['le'] === '+Inf' ? Infinity : Number(s.metric['le']), values: new Map((s.values ?? []).map(([t, v]) => [Math.round(t * 1e3) - width, Number(v)])) }))
    .filter((s) => !Number.isNaN(s.le)).sort((a, b) => a.le - b.le);
  if (!by.length) return empty(times, width);
  const at = (r: number, c: number) => (r < 0 ? 0 : (by[r]!.values.get(times[c]!) ?? 0));
  return trimmed(build(times, width, 0, by.map((s) => s.le), (r, c) => at(r, c) - at(r - 1, c)));
}

/** Buckets of native histograms; those of a zero bucket are of the row below the others. */
export function fromNative(series: NativeSeries[], times: number[], width: number): Heat {
  const counts = new Map<number, Map<number, number>>();
  let low = Infinity;
  for (const [t, h] of series.flatMap((s) => s.histograms ?? [])) {
    const column = Math.round(t * 1e3) - width;
    for (const [, from, to, n] of h.buckets ?? []) {
      const row = counts.get(Number(to)) ?? new Map<number, number>();
      row.set(column, (row.get(column) ?? 0) + Number(n));
      counts.set(Number(to), row);
      low = Math.min(low, Number(from));
    }
  }
  const bounds = [...counts.keys()].sort((a, b) => a - b);
  if (!bounds.length) return empty(times, width);
  return trimmed(build(times, width, Math.max(0, low), bounds, (r, c) => counts.get(bounds[r]!)!.get(times[c]!) ?? 0));
}

/** Without the rows below and above which there is nothing. */
function trimmed(h: Heat): Heat {
  const some = h.cells.map((row) => row.some((n) => n > 1e-9));
  const first = some.indexOf(true), last = some.lastIndexOf(true);
  if (first < 0) return empty(h.times, h.width);
  return { ...h, low: first > 0 ? h.bounds[first - 1]! : h.low, bounds: h.bounds.slice(first, last + 1), cells: h.cells.slice(first, last + 1) };
}

export interface Box { start: number; end: number; low: number; high: number }

/** The range and sizes that a rectangle of a heat map covers, in whole cells. */
export function boxOf(h: Heat, from: { row: number; column: number }, to: { row: number; column: number }, range: Range): Box {
  const [r1, r2] = [Math.min(from.row, to.row), Math.max(from.row, to.row)];
  const [c1, c2] = [Math.min(from.column, to.column), Math.max(from.column, to.column)];
  return { start: Math.max(range.start, h.times[c1]!), end: Math.min(range.end, h.times[c2]! + h.width), low: r1 > 0 ? h.bounds[r1 - 1]! : h.low, high: h.bounds[r2]! };
}
