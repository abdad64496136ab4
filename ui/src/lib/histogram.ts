// Histogram metrics over time, asked of the Prometheus API, which adds up series of all kinds of histograms.
import { get } from './api';
import { bucket, starts } from './discovery';
import { fromClassic, fromNative, type ClassicSeries, type Heat, type NativeSeries } from './heat';
import { seriesName } from './promnames';
import type { Range } from './time.svelte';

/** How many observations of each size a histogram has over time. Wider columns are tried where none holds two points of a series. */
export async function histogram(metric: string, conditions: string, range: Range, signal: AbortSignal): Promise<Heat> {
  const names = (await get<{ data?: string[] }>('/prometheus/api/v1/label/__name__/values', signal)).data ?? [];
  const classic = seriesName(metric, names, '_bucket'), native = seriesName(metric, names, '');
  let heat = fromClassic([], [], 0);
  for (const least of [30, 180]) {
    const width = Math.max(least, bucket(range, 60));
    const times = starts(range, width);
    const ask = async <T>(expression: string) => (await get<{ data?: { result?: T[] } }>('/prometheus/api/v1/query_range?' + new URLSearchParams({
      query: expression, start: String(times[0]! / 1e3 + width), end: String(times.at(-1)! / 1e3 + width), step: String(width),
    }), signal)).data?.result ?? [];
    if (classic) heat = fromClassic(await ask<ClassicSeries>(`sum by (le) (increase(${classic}{${conditions}}[${width}s]))`), times, width * 1e3);
    else if (native) heat = fromNative(await ask<NativeSeries>(`sum(increase(${native}{${conditions}}[${width}s]))`), times, width * 1e3);
    if (heat.max > 0 || width > least) break;
  }
  return heat;
}
