// What the Metrics page asks the Prometheus API: completions and lines.
import { get } from './api';
import type { Line } from './lines';
import { functions, line, matching, words, type Place } from './promql';
import type { Range } from './time.svelte';

const asked = new Map<string, { at: number; list: Promise<string[]> }>();
function list(path: string): Promise<string[]> {
  const known = asked.get(path);
  if (known && Date.now() - known.at < 60_000) return known.list;
  const found = get<{ data?: string[] }>('/prometheus/api/v1/' + path).then((r) => r.data ?? []).catch(() => []);
  asked.set(path, { at: Date.now(), list: found });
  return found;
}

/** What may be written at a place, the best first. */
export async function complete(at: Place): Promise<string[]> {
  if (at.kind === 'none') return [];
  const match = at.metric ? '?match[]=' + encodeURIComponent(at.metric) : '';
  const all = at.kind === 'value' ? await list(`label/${at.label}/values${match}`)
    : at.kind === 'label' ? (await list('labels' + match)).filter((l) => l !== '__name__')
    : [...(await list('label/__name__/values')), ...functions, ...words];
  return matching(all, at.word);
}

interface Matrix { data?: { resultType: string; result: { metric: Record<string, string>; values?: [number, string][] }[] }; warnings?: string[]; infos?: string[] }
export const maxLines = 50;

/** Asks for an expression over a range: lines, and what the server remarks. */
export async function queryRange(expression: string, range: Range, signal: AbortSignal): Promise<{ lines: Line[]; left: number; notes: string[] }> {
  const step = Math.max(1, Math.round((range.end - range.start) / 1e3 / 240));
  const query = new URLSearchParams({ query: expression, start: String(range.start / 1e3), end: String(range.end / 1e3), step: String(step) });
  const answer = await get<Matrix>('/prometheus/api/v1/query_range?' + query, signal);
  const all = answer.data?.result ?? [];
  return { lines: all.slice(0, maxLines).map((s) => line(s.metric, s.values ?? [], step * 1e3, expression)), left: Math.max(0, all.length - maxLines), notes: [...(answer.warnings ?? []), ...(answer.infos ?? [])] };
}
