// What proves a claim of an incident: the points of a metric, a record, or requests like the one of a span, before and after.
import { get, post, type Evidence, type Log, type Series, type Timeline } from './api';
import { bucket, durations } from './discovery';
import type { Heat } from './heat';
import type { Line } from './lines';
import { attribute } from './otlp';
import type { OtlpSpan } from './trace';
import { row, type Row } from './records';
import { apiRange, timeMs, type Range } from './time.svelte';

export type Proof = { lines: Line[]; unit: string; title: string } | { record: Row } | { heat: { all: Heat; failed: Heat }; title: string };

/** The metric and the labels in the id of a metric as evidence: name{key="value",…}. A label that is cut off is left out. */
export function seriesOf(id: string): { name: string; labels: [string, string][] } {
  const at = id.indexOf('{');
  const labels = [...(at < 0 ? '' : id.slice(at)).matchAll(/([^=,{}"]+)="((?:[^"\\]|\\.)*)"/g)].map((m): [string, string] => [m[1]!, unquoted(m[2]!)]);
  return { name: at < 0 ? id : id.slice(0, at), labels };
}

function unquoted(text: string): string {
  try {
    return JSON.parse(`"${text.replace(/\\x([0-9a-f]{2})/g, '\\u00$1').replace(/\\[av]/g, ' ')}"`) as string;
  } catch {
    return text;
  }
}

/** Whether the proof of a claim is a chart. */
export const charted = (e: Evidence): boolean => e.kind === 'KIND_METRIC' || e.kind === 'KIND_SPAN';

/** What stays the same of each claim while its figures and its record change, unique in the list. */
export function claimKeys(list: Evidence[]): string[] {
  const seen = new Map<string, number>();
  return list.map((e) => {
    const key = `${e.kind} ${(e.description || e.id || '').replace(/\d[\d.,:]*/g, '#')}`;
    const n = seen.get(key) ?? 0;
    seen.set(key, n + 1);
    return `${key} ${n}`;
  });
}

const longest = 200; // names in ids are cut there

export async function proofOf(of: Evidence, range: Range, signal: AbortSignal): Promise<Proof> {
  if (of.kind === 'KIND_EVENT') return { record: row((await get<{ event?: Log }>('/v1/events/' + encodeURIComponent(of.id ?? ''), signal)).event ?? {}) };
  if (of.kind === 'KIND_SPAN') return requestsLike(of.id ?? '', range, signal);
  return points(of.id ?? '', range, signal);
}

async function points(id: string, range: Range, signal: AbortSignal): Promise<Proof> {
  const { name, labels } = seriesOf(id);
  const labelSelectors = labels.filter(([, v]) => new TextEncoder().encode(v).length < longest).map(([key, value]) => ({ key, operator: '=', values: [value] }));
  let lines: Line[] = [], unit = '';
  // Gauges have an average, histograms a percentile, counters a rate.
  for (const aggregation of ['AVG', 'P95', 'RATE']) {
    const answer = await post<{ series?: Series[] }>('/v1/metrics:query', { query: {
      metricNames: [name], aggregation: 'AGGREGATION_TYPE_' + aggregation, resolution: `${bucket(range)}s`, filter: { labelSelectors, timeRange: apiRange(range) } } }, signal).catch((e) => {
      if (signal.aborted || aggregation === 'RATE') throw e;
      return undefined;
    });
    const found = (answer?.series ?? []).filter((s) => s.points?.length);
    if (!found.length) continue;
    unit = (found[0]!.unit ?? '') + (aggregation === 'RATE' && found[0]!.unit ? '/s' : '');
    lines = found.map((s) => ({ name: s.metricName ?? name, times: (s.points ?? []).map((p) => timeMs(p.time)), values: (s.points ?? []).map((p) => p.value ?? 0) }));
    break;
  }
  return { lines, unit, title: name };
}

/** Durations and failures of the spans of the same service, name and kind as one. */
async function requestsLike(id: string, range: Range, signal: AbortSignal): Promise<Proof> {
  const [trace, spanId] = id.split(':');
  const timeline = await get<Timeline>(`/v1/traces/${encodeURIComponent(trace ?? '')}/timeline`, signal);
  const found = timeline.spans?.find((s) => (s.span as OtlpSpan | undefined)?.spanId === spanId);
  if (!found) throw new Error('The span is not stored any more.');
  const span = found.span as OtlpSpan;
  // Calls of one name may go to several peers.
  const peer = span.kind === 'SPAN_KIND_CLIENT' ? ['server.address', 'peer.service', 'db.system.name'].map((key) => ({ key, value: attribute(span.attributes, key) })).find((p) => p.value) : undefined;
  const of = { filter: { services: [found.service ?? ''], timeRange: apiRange(range), ...(peer ? { labelSelectors: [{ key: peer.key, operator: '=', values: [peer.value] }] } : {}) }, operations: [span.name ?? ''], ...(span.kind ? { kinds: [span.kind] } : {}) };
  const [all, failed] = await Promise.all([durations(of, range, signal), durations({ ...of, statusCodes: ['STATUS_CODE_ERROR'] }, range, signal)]);
  return { heat: { all, failed }, title: `${found.service} ${span.name}${peer ? ` to ${peer.value}` : ''}` };
}
