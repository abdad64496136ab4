// The spans of a trace as rows of a waterfall.
import type { Log, Timeline } from './api';
import { text, type KeyValue } from './otlp';
import { durationMs } from './time.svelte';
import type { CallNode } from './flame';
import type { Call } from './tracediff';

export interface OtlpSpan {
  spanId?: string; parentSpanId?: string; name?: string; kind?: string; attributes?: KeyValue[]; status?: { code?: string; message?: string };
  events?: { timeUnixNano?: string; name?: string; attributes?: KeyValue[] }[]; links?: { traceId?: string; spanId?: string }[];
}

export interface Item {
  span: OtlpSpan; service: string; depth: number; offset: number; duration: number; self: number; critical: boolean; orphan: boolean; failed: boolean; children: boolean; words: string; logs: Log[];
  gap: { before: number; after: number } | undefined; // of a server: what its client waited beside it
}

export function itemsOf(timeline: Timeline | undefined): Item[] {
  const logs = new Map<string, Log[]>();
  for (const log of timeline?.logs ?? []) {
    const on = (log.logRecord as { spanId?: string } | undefined)?.spanId ?? '';
    logs.set(on, [...(logs.get(on) ?? []), log]);
  }
  const spans = timeline?.spans ?? [];
  const byId = new Map(spans.map((s) => [(s.span as OtlpSpan).spanId ?? '', s]));
  return spans.map((s, i) => {
    const of = (s.span ?? {}) as OtlpSpan;
    const depth = s.depth ?? 0;
    const parent = byId.get(of.parentSpanId ?? '');
    const remote = parent && (parent.span as OtlpSpan).kind === 'SPAN_KIND_CLIENT' && of.kind === 'SPAN_KIND_SERVER';
    const before = remote ? durationMs(s.offset) - durationMs(parent.offset) : 0;
    return {
      span: of, service: s.service ?? '', depth, offset: durationMs(s.offset), duration: durationMs(s.duration), self: durationMs(s.selfTime), critical: s.critical ?? false, orphan: s.orphan ?? false,
      failed: of.status?.code === 'STATUS_CODE_ERROR', children: (spans[i + 1]?.depth ?? 0) > depth, logs: logs.get(of.spanId ?? '') ?? [],
      gap: remote ? { before, after: durationMs(parent.duration) - durationMs(s.duration) - before } : undefined,
      words: [of.name, s.service, of.status?.message, ...(of.attributes ?? []).map((kv) => kv.key + '=' + text(kv.value))].join(' ').toLowerCase(),
    };
  });
}

/** The calls of a trace by path, those of one parent and name added up: total is self time and that of callees, which may run at once. */
export function callTree(items: Item[]): CallNode[] {
  const nodes: (CallNode & { key: string })[] = [{ key: '', parent: 0, function: '', selfValue: 0, totalValue: 0 }];
  const index = new Map<string, number>([['', 0]]);
  const path: number[] = [0];
  for (const i of items) {
    const parent = path[Math.min(i.depth, path.length - 1)]!;
    const name = `${i.service} ${i.span.name ?? ''}`;
    const key = parent + '\n' + name;
    let at = index.get(key);
    if (at === undefined) {
      at = nodes.push({ key, parent, function: name, selfValue: 0, totalValue: 0 }) - 1;
      index.set(key, at);
    }
    nodes[at]!.selfValue! += i.self;
    path.splice(i.depth + 1, path.length, at);
  }
  for (let n = nodes.length - 1; n >= 0; n--) {
    nodes[n]!.totalValue! += nodes[n]!.selfValue!;
    if (n > 0) nodes[nodes[n]!.parent!]!.totalValue! += nodes[n]!.totalValue!;
  }
  return nodes;
}

export function callsOf(items: Item[]): Call[] {
  return items.map((i) => ({
    service: i.service, name: i.span.name ?? '', depth: i.depth, duration: i.duration, self: i.self, failed: i.failed,
    attributes: (i.span.attributes ?? []).map((kv): [string, string] => [kv.key ?? '', text(kv.value)]),
  }));
}

/** Where the time between a client and its server went, in words; '' where there is next to none. */
export function gapWords(gap: Item['gap'], span: (ms: number) => string): string {
  if (!gap) return '';
  if (gap.before < -0.5 || gap.after < -0.5) return `The server's span is not within the client's: their clocks differ by about ${span(Math.abs(Math.min(gap.before, gap.after)))}.`;
  const parts = [];
  if (gap.before > 0.5) parts.push(`${span(gap.before)} before the server began: connection, network or a queue in front of it`);
  if (gap.after > 0.5) parts.push(`${span(gap.after)} after it had answered: network, or a client that reads late`);
  return parts.length ? `The client waited ${parts.join('; ')}.` : '';
}
