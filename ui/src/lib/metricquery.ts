// Queries of the builder. The one that is edited is in the parameters of the page, the others are in `also`, so that each
// state of the page is a URL.
import type { Metric } from './discovery';

export interface MetricQuery {
  metric: string;
  aggregation: string; // '' for the one that suits the metric
  by: string[];
  conditions: string[];
  services: string[];
}

const read = (q: URLSearchParams): MetricQuery => ({ metric: q.get('metric') ?? '', aggregation: q.get('agg') ?? '', by: q.getAll('by'), conditions: q.getAll('q'), services: q.getAll('service').filter(Boolean) });

/** The parameters of a query; those it does not have are removed. */
export const parameters = (q: MetricQuery) => ({ metric: q.metric || undefined, agg: q.aggregation || undefined, by: q.by, q: q.conditions, service: q.services });

function encode(q: MetricQuery): string {
  const text = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters(q))) for (const one of [value].flat()) if (one) text.append(key, one);
  return text.toString();
}

/** All queries of a URL, and which of them is edited. */
export function queriesOf(page: URLSearchParams): { all: MetricQuery[]; edited: number } {
  const others = page.getAll('also').map((text) => read(new URLSearchParams(text))).filter((q) => q.metric);
  const at = Number(page.get('at') ?? others.length);
  const edited = Number.isInteger(at) && at >= 0 ? Math.min(at, others.length) : others.length;
  return { all: others.toSpliced(edited, 0, read(page)), edited };
}

const empty: MetricQuery = { metric: '', aggregation: '', by: [], conditions: [], services: [] };

function changes(all: MetricQuery[], edited: number) {
  const others = all.toSpliced(edited, 1).filter((q) => q.metric);
  return { ...parameters(all[edited] ?? empty), also: others.map(encode), at: edited < others.length ? String(edited) : undefined, view: undefined };
}

// What changes in the URL to edit another query, to add one, and to remove one.
export const edit = (all: MetricQuery[], n: number) => changes(all, n);
export const add = (all: MetricQuery[]) => changes([...all.filter((q) => q.metric), empty], all.filter((q) => q.metric).length);
export function remove(all: MetricQuery[], n: number, edited: number) {
  const rest = all.toSpliced(n, 1);
  return changes(rest.length ? rest : [empty], Math.max(0, Math.min(n < edited ? edited - 1 : edited, rest.length - 1)));
}

/** The aggregation of a query: the rate of counters, the p95 of histograms, else the average. */
export function aggregationOf(q: MetricQuery, metrics: Metric[]): string {
  if (q.aggregation) return q.aggregation;
  const metric = metrics.find((m) => m.name === q.metric);
  return metric?.type === 'sum' && metric.monotonic ? 'RATE' : metric?.type.includes('histogram') ? 'P95' : 'AVG';
}

export const letter = (n: number): string => String.fromCharCode(65 + (n % 26)) + (n >= 26 ? String(Math.floor(n / 26)) : '');

export function describe(q: MetricQuery, metrics: Metric[]): string {
  if (!q.metric) return 'new query';
  const conditions = [...q.services.map((s) => 'service=' + s), ...q.conditions];
  return `${aggregationOf(q, metrics).toLowerCase()} of ${q.metric}` + (q.by.length ? ` by ${q.by.join(', ')}` : '') + (conditions.length ? ` where ${conditions.join(', ')}` : '');
}
