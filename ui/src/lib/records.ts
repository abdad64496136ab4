// Log records and events as rows of a page.
import type { Log } from './api';
import { attribute, level, text, type KeyValue, type Level } from './otlp';
import { visible } from './format';

export interface Row {
  id: string;
  sequence: string;
  time: number;
  level: Level;
  service: string;
  event: string;
  body: string;
  traceId: string;
  spanId: string;
  attributes: [string, string][];
  resource: [string, string][];
}

interface Record {
  timeUnixNano?: string; observedTimeUnixNano?: string; severityNumber?: string; body?: object; attributes?: KeyValue[];
  traceId?: string; spanId?: string; eventName?: string;
}

const pairs = (list: KeyValue[] | undefined): [string, string][] => (list ?? []).map((kv) => [kv.key ?? '', text(kv.value)]);

export function row(e: Log): Row {
  const r = (e.logRecord ?? {}) as Record;
  const resource = ((e.resource as { attributes?: KeyValue[] } | undefined)?.attributes) ?? [];
  const nanos = r.timeUnixNano && r.timeUnixNano !== '0' ? r.timeUnixNano : (r.observedTimeUnixNano ?? '0');
  return {
    id: e.id ?? '', sequence: String(e.sequence ?? ''), time: Number(nanos) / 1e6, level: level(r.severityNumber),
    service: attribute(resource, 'service.name') || attribute(r.attributes, 'process.executable.name'),
    event: r.eventName ?? '', body: visible(text(r.body)), traceId: r.traceId ?? '', spanId: r.spanId ?? '',
    attributes: pairs(r.attributes), resource: pairs(resource),
  };
}

/** The value of an attribute of a record or of its resource, as text; '' without it. */
export function valueOf(r: Row, key: string): string {
  return (r.attributes.find(([k]) => k === key) ?? r.resource.find(([k]) => k === key))?.[1] ?? '';
}

export function asObject(r: Row): object {
  return {
    time: new Date(r.time).toISOString(), severity: r.level, service: r.service, event: r.event || undefined, body: r.body,
    trace_id: r.traceId || undefined, span_id: r.spanId || undefined, attributes: Object.fromEntries(r.attributes), resource: Object.fromEntries(r.resource),
  };
}
