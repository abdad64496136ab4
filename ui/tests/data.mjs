// A small shop over OTLP/HTTP: enough for each page to have something to show.
import { randomBytes } from 'node:crypto';

const hex = (n) => randomBytes(n).toString('hex');
const kv = (o) => Object.entries(o).map(([key, v]) => ({ key, value: typeof v === 'string' ? { stringValue: v } : { intValue: String(v) } }));
const resource = (name) => ({ attributes: kv({ 'service.name': name, 'service.version': '1.0.4', 'service.instance.id': name + '-1', 'k8s.namespace.name': 'shop' }) });

export const evil = '<img src=x onerror="document.title=\'owned\'">\u202egnp';

async function post(base, signal, body) {
  const response = await fetch(`${base}/v1/${signal}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${signal}: ${response.status} ${await response.text()}`);
}

/** Sends requests that ended within the last minutes; returns a trace id of one that failed. */
export async function feed(base, { requests = 120, minutes = 10, now = Date.now() } = {}) {
  const spans = { frontend: [], checkout: [], payment: [] };
  const logs = { frontend: [], payment: [] };
  let failed = '';
  for (let i = 0; i < requests; i++) {
    const traceId = hex(16);
    const at = now - minutes * 6e4 * (1 - i / requests);
    const error = i % 7 === 0;
    const ids = [hex(8), hex(8), hex(8), hex(8), hex(8)];
    const took = error ? 900 : 20 + (i % 10);
    const span = (service, n, parent, name, kind, from, ms, attributes = {}) => spans[service].push({
      traceId, spanId: ids[n], parentSpanId: parent ?? '', name, kind, attributes: kv(attributes),
      startTimeUnixNano: String(Math.round((at + from) * 1e6)), endTimeUnixNano: String(Math.round((at + from + ms) * 1e6)),
      status: error ? { code: 2, message: 'canceling statement due to statement timeout' } : {},
    });
    span('frontend', 0, '', 'POST /order', 2, 0, took + 4, { 'http.route': '/order', 'user.id': 'u' + (i % 20) });
    span('frontend', 1, ids[0], 'POST', 3, 1, took + 2, { 'server.address': 'checkout' });
    span('checkout', 2, ids[1], 'POST /checkout', 2, 1.5, took + 1);
    span('checkout', 3, ids[2], 'POST', 3, 2, took, { 'server.address': 'payment' });
    span('payment', 4, ids[3], 'SELECT orders', 3, 2.5, took - 1, { 'db.system.name': 'postgresql', 'server.address': 'payments-db' });
    if (error) {
      failed = traceId;
      logs.payment.push({ timeUnixNano: String(Math.round(at * 1e6)), severityNumber: 17, severityText: 'ERROR', body: { stringValue: `payment of order ${i} failed` }, traceId, spanId: ids[4] });
    }
    logs.frontend.push({ timeUnixNano: String(Math.round(at * 1e6)), severityNumber: 9, severityText: 'INFO', body: { stringValue: `request ${i} served` }, traceId, spanId: ids[0] });
  }
  logs.frontend.push({ timeUnixNano: String(now * 1e6), severityNumber: 13, severityText: 'WARN', body: { stringValue: evil } });
  const of = (all, outer, inner, list) => ({ [outer]: Object.entries(all).map(([name, records]) => ({ resource: resource(name), [inner]: [{ scope: { name: 'shop' }, [list]: records }] })) });
  await post(base, 'traces', of(spans, 'resourceSpans', 'scopeSpans', 'spans'));
  await post(base, 'logs', of(logs, 'resourceLogs', 'scopeLogs', 'logRecords'));
  const points = Array.from({ length: 60 }, (_, i) => ({ timeUnixNano: String(Math.round((now - minutes * 6e4 * (1 - i / 60)) * 1e6)), asInt: String(1e8 + i * 1e5) }));
  await post(base, 'metrics', { resourceMetrics: [{ resource: resource('checkout'), scopeMetrics: [{ scope: { name: 'shop' }, metrics: [{ name: 'process.memory.usage', unit: 'By', description: 'Memory in use', gauge: { dataPoints: points } }] }] }] });
  return failed;
}

/** One trace of very many spans. */
export async function feedLargeTrace(base, count, now = Date.now()) {
  const traceId = hex(16);
  const root = hex(8);
  const time = (ms) => String(Math.round((now - 6e4 + ms) * 1e6));
  for (let from = 0; from < count; from += 5000) {
    const spans = Array.from({ length: Math.min(5000, count - from) }, (_, i) => {
      const n = from + i;
      return { traceId, spanId: n === 0 ? root : hex(8), parentSpanId: n === 0 ? '' : root, name: n === 0 ? 'GET /report' : 'query ' + n, kind: n === 0 ? 2 : 1, startTimeUnixNano: time(n * 0.5), endTimeUnixNano: time(n === 0 ? count : n * 0.5 + 3) };
    });
    await post(base, 'traces', { resourceSpans: [{ resource: resource('report'), scopeSpans: [{ scope: {}, spans }] }] });
  }
  return traceId;
}
