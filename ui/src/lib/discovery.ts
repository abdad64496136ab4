// What there is: services, labels, counts, facets, the graph of calls, and changes.
import { get, post, type Filter } from './api';
import type { components } from './openapi';
import { durationMs, timeMs, apiRange, type Range } from './time.svelte';
import type { Line } from './lines';
import { fromDurations, type Heat } from './heat';

type Schemas = components['schemas'];
type Statistics = Schemas['RequestStatistics'];

export interface RED {
  requests: number;
  errors: number;
  rate: number;
  errorRatio: number;
  p50: number;
  p95: number;
  p99: number;
  /** Counted by metrics of the service: no span reports them. */
  metrics: boolean;
}

export interface Service {
  name: string;
  namespaces: string[];
  instances: string[];
  instanceCount: number;
  firstSeen: number;
  lastSeen: number;
  logs: number;
  errorLogs: number;
  spans: number;
  series: number;
  red: RED;
}

export interface Facet {
  label: string;
  estimated: boolean;
  values: { value: string; count: number }[];
}

export interface Change {
  time: number;
  type: string;
  service: string;
  summary: string;
  eventId: string;
}

function red(s: Statistics | undefined): RED {
  const requests = Number(s?.requestCount ?? 0);
  const errors = Number(s?.errorCount ?? 0);
  return {
    requests, errors, rate: s?.rate ?? 0, errorRatio: requests ? errors / requests : 0,
    p50: durationMs(s?.durationP50), p95: durationMs(s?.durationP95), p99: durationMs(s?.durationP99), metrics: s?.metrics ?? false,
  };
}

export async function listServices(filter: Filter = {}, signal?: AbortSignal): Promise<Service[]> {
  const answer = await post<Schemas['ListServicesResponse']>('/v1/services:query', { filter: { ...filter, limit: 1000 } }, signal);
  return (answer.services ?? []).map((s) => ({
    name: s.name ?? '', namespaces: s.namespaces ?? [], instances: s.instances ?? [], instanceCount: Number(s.instanceCount ?? 0), firstSeen: timeMs(s.firstSeen), lastSeen: timeMs(s.lastSeen),
    logs: Number(s.logCount ?? 0), errorLogs: Number(s.errorLogCount ?? 0), spans: Number(s.spanCount ?? 0), series: Number(s.seriesCount ?? 0), red: red(s.requests),
  })).filter((s) => s.name);
}

/** The node that each service runs on; "several nodes" where it is more than one. Of at most 30 nodes. */
export async function nodesOfServices(timeRange: NonNullable<Filter['timeRange']>, signal?: AbortSignal): Promise<Map<string, string>> {
  const answer = await post<Schemas['ListLabelValuesResponse']>('/v1/labels:values', { label: 'host.name', signal: 'SIGNAL_TRACES', order: 'LIST_ORDER_COUNT', filter: { timeRange, limit: 30 } }, signal);
  const found = new Map<string, string>();
  await Promise.all((answer.values ?? []).map(async ({ value: host = '' }) => {
    for (const s of await listServices({ timeRange, labelSelectors: [{ key: 'host.name', operator: '=', values: [host] }] }, signal)) found.set(s.name, found.has(s.name) ? 'several nodes' : host);
  }));
  return found;
}

export interface Operation {
  service: string;
  name: string;
  kind: string;
  red: RED;
}

export async function listOperations(filter: Filter, kinds: string[] = [], signal?: AbortSignal): Promise<Operation[]> {
  const answer = await post<Schemas['ListOperationsResponse']>('/v1/operations:query', { filter: { ...filter, limit: 500 }, kinds, order: 'LIST_ORDER_COUNT' }, signal);
  return (answer.operations ?? []).map((o) => ({ service: o.service ?? '', name: o.name ?? '', kind: String(o.kind ?? '').replace('SPAN_KIND_', '').toLowerCase(), red: red(o.spans) }));
}

export interface Metric {
  name: string;
  type: string;
  unit: string;
  description: string;
  monotonic: boolean;
  series: number;
  services: string[];
}

export async function listMetrics(signal?: AbortSignal): Promise<Metric[]> {
  const answer = await post<Schemas['ListMetricsResponse']>('/v1/metrics:list', { filter: { limit: 2000 } }, signal);
  return (answer.metrics ?? []).map((m) => ({
    name: m.name ?? '', type: String(m.type ?? '').replace('TYPE_', '').toLowerCase().replace('_', ' '), unit: m.unit ?? '', description: m.description ?? '',
    monotonic: m.monotonic ?? false, series: Number(m.seriesCount ?? 0), services: m.services ?? [],
  }));
}

export async function labelsOf(metric: string, signal?: AbortSignal): Promise<string[]> {
  const answer = await post<Schemas['ListLabelsResponse']>('/v1/labels:query', { signal: 'SIGNAL_METRICS', metricNames: [metric], order: 'LIST_ORDER_COUNT', filter: { limit: 200 } }, signal);
  return (answer.labels ?? []).map((l) => l.name ?? '');
}

function selection(filter: Filter, events: boolean) {
  const { limit: _l, pageToken: _p, ...rest } = filter;
  return { signal: 'SIGNAL_LOGS', filter: rest, excludeEvents: !events };
}

const widths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];

/** A bucket width in seconds that gives about as many buckets as asked for. */
export function bucket(range: Range, buckets = 80): number {
  const wanted = (range.end - range.start) / 1e3 / buckets;
  return widths.find((w) => w >= wanted) ?? 86400;
}

/** The starts of the buckets of a range, a width in seconds apart. */
export function starts(range: Range, width: number): number[] {
  const list: number[] = [];
  for (let t = Math.floor(range.start / (width * 1e3)) * width * 1e3; t < range.end; t += width * 1e3) list.push(t);
  return list;
}

/** Records over time by severity. */
export async function hits(filter: Filter, events: boolean, range: Range, signal?: AbortSignal): Promise<Line[]> {
  const width = bucket(range);
  const answer = await post<Schemas['CountRecordsResponse']>('/v1/records:count',
    { selection: selection(filter, events), resolution: `${width}s`, groupBy: 'severity' }, signal);
  const times = starts(range, width);
  return (answer.groups ?? []).map((g) => {
    const counts = new Map((g.buckets ?? []).map((b) => [timeMs(b.startTime), Number(b.count ?? 0)]));
    return { name: g.value || 'no severity', times, values: times.map((t) => counts.get(t) ?? 0) };
  });
}

/** Records by the start of their bucket, without empty ones. */
export async function countBuckets(filter: Filter, events: boolean, width: number, signal?: AbortSignal): Promise<Map<number, number>> {
  const answer = await post<Schemas['CountRecordsResponse']>('/v1/records:count', { selection: selection(filter, events), resolution: `${width}s` }, signal);
  return new Map((answer.groups ?? []).flatMap((g) => (g.buckets ?? []).map((b) => [timeMs(b.startTime), Number(b.count ?? 0)] as const)));
}

/** The names of events, other than those of findings. */
export async function eventNames(timeRange: NonNullable<Filter['timeRange']>, signal?: AbortSignal): Promise<string[]> {
  const answer = await post<Schemas['ListLabelValuesResponse']>('/v1/labels:values', { label: 'name', signal: 'SIGNAL_LOGS', filter: { timeRange, limit: 1000 } }, signal);
  return (answer.values ?? []).map((v) => v.value ?? '').filter((n) => n && !/^tapio\.(insight|semantic_group|correlation|slo)/.test(n));
}

export async function facets(filter: Filter, events: boolean, labels: string[], signal?: AbortSignal): Promise<Facet[]> {
  const answer = await post<Schemas['GetFacetsResponse']>('/v1/records:facets', { selection: selection(filter, events), labels, limit: 8 }, signal);
  return (answer.facets ?? []).filter((f) => f.values?.length).map((f) => ({
    label: f.label ?? '', estimated: !!f.estimated || !!answer.estimated,
    values: (f.values ?? []).map((v) => ({ value: v.value ?? '', count: Number(v.recordCount ?? 0) })),
  }));
}

export interface Difference {
  label: string;
  value: string;
  selection: number;
  baseline: number;
  support: number;
}

export async function compareTraces(selected: object, baseline: object | undefined, signal?: AbortSignal): Promise<{ of: number; differences: Difference[] }> {
  const answer = await post<Schemas['CompareAttributesResponse']>('/v1/records:compare',
    { selection: { signal: 'SIGNAL_TRACES', ...selected }, ...(baseline ? { baseline: { signal: 'SIGNAL_TRACES', ...baseline } } : {}), limit: 20 }, signal);
  return {
    of: Number(answer.selectionCount ?? 0),
    differences: (answer.differences ?? []).map((d) => ({ label: d.label ?? '', value: d.value ?? '', selection: d.selectionShare ?? 0, baseline: d.baselineShare ?? 0, support: Number(d.selectionCount ?? 0) })),
  };
}

export interface Node {
  id: string;
  name: string;
  type: 'service' | 'database' | 'messaging' | 'external';
  red: RED;
}
export interface Edge {
  client: string;
  server: string;
  red: RED;
  kernel: boolean;
}

export async function serviceGraph(filter: Filter, signal?: AbortSignal): Promise<{ nodes: Node[]; edges: Edge[]; truncated: boolean }> {
  const answer = await post<Schemas['GetServiceGraphResponse']>('/v1/services:graph', { filter: { ...filter, limit: 2000 } }, signal);
  return {
    nodes: (answer.nodes ?? []).map((n) => ({ id: n.id ?? '', name: n.name || n.id || '', type: String(n.type ?? '').replace('TYPE_', '').toLowerCase() as Node['type'], red: red(n.requests) })),
    edges: (answer.edges ?? []).map((e) => ({ client: e.client ?? '', server: e.server ?? '', red: red(e.requests), kernel: e.kernel ?? false })),
    truncated: answer.truncated ?? false,
  };
}

export async function changes(filter: Filter, signal?: AbortSignal): Promise<Change[]> {
  const answer = await post<Schemas['GetChangesResponse']>('/v1/changes:query', { filter: { ...filter, limit: 50 } }, signal);
  return (answer.changes ?? []).map((c) => ({
    time: timeMs(c.time), type: String(c.type ?? '').replace('TYPE_', '').toLowerCase(), service: c.service ?? '', summary: c.summary ?? '', eventId: c.eventId ?? '',
  }));
}

/** Requests per second over the range, or since records were first seen in it. */
export const perSecond = (requests: number, range: Range, firstSeen = 0): number => requests / Math.max(1, (range.end - Math.max(range.start, firstSeen)) / 1e3);

/** Requests and errors of spans over time, for sparklines and charts. */
export async function spanCounts(filter: Filter, range: Range, groupBy: string, extra: object = {}, signal?: AbortSignal, buckets = 40): Promise<Map<string, Map<number, number>>> {
  const answer = await post<Schemas['CountRecordsResponse']>('/v1/records:count', {
    selection: { signal: 'SIGNAL_TRACES', filter: { ...filter, timeRange: apiRange(range) }, kinds: ['SPAN_KIND_SERVER', 'SPAN_KIND_CONSUMER'], ...extra },
    resolution: `${bucket(range, buckets)}s`, groupBy, limit: 200,
  }, signal);
  const times = starts(range, bucket(range, buckets));
  return new Map((answer.groups ?? []).map((g) => {
    const counts = new Map((g.buckets ?? []).map((b) => [timeMs(b.startTime), Number(b.count ?? 0)]));
    return [g.value ?? '', new Map(times.map((t) => [t, counts.get(t) ?? 0]))];
  }));
}

/** Durations of spans over time. */
export async function durations(selection: object, range: Range, signal?: AbortSignal): Promise<Heat> {
  const width = bucket(range, 80);
  const answer = await post<Schemas['CountRecordsResponse']>('/v1/records:count', { selection: { signal: 'SIGNAL_TRACES', ...selection }, resolution: `${width}s`, groupBy: 'duration', limit: 200 }, signal);
  const groups = (answer.groups ?? []).map((g) => ({ value: g.value ?? '', buckets: new Map((g.buckets ?? []).map((b) => [timeMs(b.startTime), Number(b.count ?? 0)])) }));
  return fromDurations(groups, starts(range, width), width * 1e3);
}

interface Vector { data?: { result?: { metric: Record<string, string>; value: [number, string] }[] } }

// Kernel events that were lost in ms milliseconds before end, by probe, the most first.
export async function lostEvents(end: number, ms: number, signal: AbortSignal): Promise<[string, number][]> {
  const query = `sum by (probe) (increase(otelcol_tapio_ebpf_lost_total[${Math.max(60, Math.round(ms / 1e3))}s])) > 0`;
  const answer = await get<Vector>('/prometheus/api/v1/query?' + new URLSearchParams({ query, time: String(end / 1e3) }), signal);
  return (answer.data?.result ?? []).map((s): [string, number] => [s.metric['probe'] ?? 'unknown', Number(s.value[1])]).filter(([, n]) => n >= 1).sort((a, b) => b[1] - a[1]);
}
