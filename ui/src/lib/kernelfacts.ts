// What the kernel saw of a service: notable events, and figures of connections, CPU and memory.
import { post, type Filter, type Series } from './api';
import type { components } from './openapi';
import { withUnit } from './format';

export interface Fact { text: string; value: string; metric?: string; event?: string; bad: boolean }

const rates: [string, string, string][] = [ // metric, what it is, unit of the rate
  ['tapio.tcp.retransmits', 'TCP segments retransmitted', '/s'], ['tapio.tcp.resets', 'connections reset', '/s'], ['tapio.tcp.connect_failures', 'connects that failed', '/s'],
  ['tapio.cgroup.cpu.throttled_time', 'throttled by its CPU limit', ' of the time'],
];
const percentiles: [string, string][] = [['tapio.cpu.run_queue.duration', 'p95 wait for a CPU'], ['tapio.tcp.rtt', 'p95 round trip']];
const events = ['tapio.process.*', 'tapio.tcp.*', 'tapio.dns.*', 'tapio.syscall.*', 'tapio.file.*', 'tapio.disk.*', 'tapio.cgroup.*'];

export async function kernelFacts(service: string, timeRange: NonNullable<Filter['timeRange']>, signal?: AbortSignal): Promise<Fact[]> {
  const filter = { services: [service], timeRange };
  const ask = (names: string[], aggregation: string) => post<{ series?: Series[] }>('/v1/metrics:query', { query: { metricNames: names, aggregation: 'AGGREGATION_TYPE_' + aggregation, filter } }, signal);
  const [notable, perSecond, sizes] = await Promise.all([
    post<components['schemas']['CountRecordsResponse']>('/v1/records:count', { selection: { signal: 'SIGNAL_LOGS', filter: { ...filter, eventNames: events, minSeverity: 'SEVERITY_WARN' } }, groupBy: 'name', limit: 20 }, signal),
    ask(rates.map(([m]) => m), 'RATE'), ask(percentiles.map(([m]) => m), 'P95'),
  ]);
  return facts(notable.groups ?? [], perSecond.series ?? [], sizes.series ?? []);
}

/** Events first, then what is not as it should be, then the rest. */
export function facts(notable: { value?: string; totalCount?: string | number }[], perSecond: Series[], sizes: Series[]): Fact[] {
  const value = (list: Series[], name: string) => list.find((s) => s.metricName === name)?.points?.at(-1)?.value;
  const found: Fact[] = notable.filter((g) => g.value).map((g) => ({ text: g.value!.replace(/^tapio\./, ''), value: Number(g.totalCount ?? 0).toLocaleString('en-US'), event: g.value!, bad: true }));
  for (const [metric, text, unit] of rates) {
    const v = value(perSecond, metric);
    if (v !== undefined) found.push({ text, metric, value: unit.startsWith('/') ? withUnit(v, '1') + unit : `${Number((v * 100).toPrecision(2))} %${unit}`, bad: v > 0 });
  }
  for (const [metric, text] of percentiles) {
    const v = value(sizes, metric);
    if (v !== undefined) found.push({ text, metric, value: withUnit(v, 's'), bad: false });
  }
  return found.sort((a, b) => Number(!!b.event) - Number(!!a.event) || Number(b.bad) - Number(a.bad));
}
