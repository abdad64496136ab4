// Queries for profiles, and their values as text.
import { post, type Filter } from './api';
import type { components } from './openapi';
import { parseAge, span, timeMs, durationMs, type Range } from './time.svelte';
import { bytes, number } from './format';

type Schemas = components['schemas'];
export type Analysis = Schemas['AnalyzeProfileResponse'];
export type FunctionCost = NonNullable<Analysis['functions']>[number];

export interface Stored {
  service: string;
  type: string;
}

/** The services with profiles and the types of their samples, of the newest profiles. */
export async function storedProfiles(filter: Filter, incidentId?: string, signal?: AbortSignal): Promise<Stored[]> {
  const answer = await post<Schemas['GetProfilesResponse']>('/v1/profiles:query', { filter: { ...filter, limit: 1000 }, ...(incidentId ? { incidentId } : {}) }, signal);
  const found = new Map((answer.profiles ?? []).map((p) => [`${p.service}\n${p.sampleType}`, { service: p.service ?? '', type: p.sampleType ?? '' }]));
  return [...found.values()].sort((a, b) => a.service.localeCompare(b.service) || a.type.localeCompare(b.type));
}

/** The type that is shown where none is chosen: cpu if there is one. */
export function defaultType(types: string[]): string {
  return ['cpu', 'wall', 'samples'].find((t) => types.includes(t)) ?? types[0] ?? '';
}

/** Where the profiles of a span are, as a query of the Profiles page; undefined: there are none. */
export async function profilesOfSpan(trace: string, id: string, signal?: AbortSignal): Promise<Record<string, string> | undefined> {
  const answer = await post<Schemas['GetProfilesResponse']>('/v1/profiles:query', { traceId: trace, spanId: id, filter: { limit: 100 } }, signal);
  const profiles = answer.profiles ?? [];
  if (!profiles.length) return undefined;
  const start = Math.min(...profiles.map((p) => timeMs(p.time)));
  const end = Math.max(...profiles.map((p) => timeMs(p.time) + durationMs(p.duration)));
  return { trace_id: trace, span_id: id, from: new Date(start - 1000).toISOString(), to: new Date(end + 1000).toISOString() };
}

/** The range to compare with: "before" is the time before the range, an age such as 1d the same time earlier. */
export function baselineOf(range: Range, text: string | null): Range | undefined {
  const by = text === 'before' ? range.end - range.start : parseAge(text ?? '');
  return by ? { start: range.start - by, end: range.end - by, relative: '' } : undefined;
}

const milliseconds: Record<string, number> = { nanoseconds: 1e-6, ns: 1e-6, microseconds: 1e-3, us: 1e-3, milliseconds: 1, ms: 1, seconds: 1e3, s: 1e3 };

/** A value in the unit of its samples. */
export function amount(value: number, unit: string): string {
  const size = Math.abs(value);
  const text = milliseconds[unit] ? span(size * milliseconds[unit]) : unit === 'bytes' || unit === 'By' ? bytes(size) : number(size) + (unit && unit !== 'count' && unit !== '1' && !unit.startsWith('{') ? ' ' + unit : '');
  return (value < 0 ? '−' : '') + text;
}

export function difference(value: number, unit: string): string {
  return (value > 0 ? '+' : '') + amount(value, unit);
}

export const formats = { pprof: '.pb.gz', folded: '.folded', speedscope: '.speedscope.json' } as const;

/** The merged profile of a selection as a file. */
export async function profileFile(selection: object, type: string, format: keyof typeof formats): Promise<Blob> {
  const answer = await post<Schemas['GetProfilesResponse']>('/v1/profiles:query', { ...selection, sampleTypes: [type], format: 'PROFILE_FORMAT_' + format.toUpperCase() });
  const data = Uint8Array.from(atob(answer.merged?.data ?? ''), (c) => c.charCodeAt(0));
  if (!data.length) throw new Error('No sample is selected.');
  if (format === 'pprof') return new Blob([data], { type: 'application/octet-stream' });
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream('gzip'))).blob();
}

/** The commands of docs/how-to/profiles.md for a store without profiles. */
export const sending = [
  'tapioctl profile upload --service checkout cpu.pb.gz heap.pb.gz',
  'curl -s localhost:6060/debug/pprof/heap | tapioctl profile upload --service checkout -',
  `curl -H 'Content-Type: application/octet-stream' --data-binary @cpu.pb.gz \\
    'localhost:4418/v1/profiles:upload?service=checkout&service.version=1.2'`,
];
export const scraping = `receivers:
  tapio:
    scrape:
      interval: 1m         # the default
      cpu_duration: 10s    # the default
      targets:
        - endpoint: http://localhost:6060/debug/pprof
          service: checkout`;
