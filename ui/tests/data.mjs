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

const varint = (n) => {
  const out = [];
  for (let v = BigInt(n); ; v >>= 7n) {
    if (v < 128n) return Buffer.from([...out, Number(v)]);
    out.push(Number(v & 127n) | 128);
  }
};
const number = (field, n) => Buffer.concat([varint(field << 3), varint(n)]);
const message = (field, ...parts) => {
  const body = Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p)));
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
};

/** CPU time by stack ("root;leaf": milliseconds) as a file of pprof; labels are those of each sample. */
export function pprof(stacks, { labels = {}, time, seconds = 10 } = {}) {
  const strings = [''];
  const functions = [];
  const index = (list, value) => (list.includes(value) ? list.indexOf(value) : list.push(value) - 1);
  const samples = Object.entries(stacks).map(([stack, ms]) => message(2,
    ...stack.split(';').reverse().map((name) => number(1, index(functions, name) + 1)), number(2, ms * 1e6),
    ...Object.entries(labels).map(([k, v]) => message(3, number(1, index(strings, k)), number(2, index(strings, v))))));
  const type = message(1, number(1, index(strings, 'cpu')), number(2, index(strings, 'nanoseconds')));
  const places = functions.flatMap((name, i) => [
    message(4, number(1, i + 1), message(4, number(1, i + 1), number(2, 7))),
    message(5, number(1, i + 1), number(2, index(strings, name)), number(4, index(strings, `/src/${name.split('.')[0]}.go`)))]);
  return Buffer.concat([type, ...samples, ...places, ...strings.map((s) => message(6, s)), number(9, Math.round(time) * 1e6), number(10, seconds * 1e9)]);
}

export async function uploadProfile(api, body, query) {
  const response = await fetch(`${api}/v1/profiles:upload?${new URLSearchParams(query)}`, { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body });
  if (!response.ok) throw new Error(`upload: ${response.status} ${await response.text()}`);
}

/** Profiles of checkout: folded stacks of 20 minutes ago, and pprof of 5 minutes ago with more main.hash and less JSON; some samples are of a span. */
export async function feedProfiles(api, { traceId, spanId, now = Date.now() }) {
  const stacks = (hash, encode) => ({
    'main.main;main.serve;main.checkout;main.hash': hash, 'main.main;main.serve;main.checkout;encoding/json.Marshal': encode,
    'main.main;main.serve;main.checkout;encoding/json.Marshal;runtime.mallocgc': 100, 'main.main;main.serve;runtime.mallocgc': 100, 'runtime.gcBgMarkWorker': 150,
  });
  const folded = Object.entries(stacks(300, 800)).map(([stack, ms]) => `${stack} ${ms * 1e6}\n`).join('');
  await uploadProfile(api, folded, { service: 'checkout', format: 'folded', sample_type: 'cpu', sample_unit: 'nanoseconds', duration: '10s', start_time: new Date(now - 20 * 6e4).toISOString() });
  await uploadProfile(api, pprof({ ...stacks(1200, 400), 'main.main;main.retry': 50 }, { time: now - 5 * 6e4 }), { service: 'checkout', 'service.version': '1.0' });
  await uploadProfile(api, pprof({ 'main.main;main.charge': 40 }, { time: now - 4 * 6e4, labels: { trace_id: traceId, span_id: spanId } }), { service: 'checkout', 'service.version': '2.0' });
}

/** Processes as the kernel reports them: make fails after 4 s, and five short commands run under the same shell. */
export async function feedProcesses(base, now = Date.now()) {
  const list = (values) => ({ arrayValue: { values: values.map((v) => ({ stringValue: v })) } });
  const event = (eventName, pid, name, at, more, body) => ({
    eventName, timeUnixNano: String(Math.round(at) * 1e6), severityNumber: 9, body: { stringValue: body },
    attributes: [...kv({ 'tapio.process.key': `${pid}:9`, 'process.pid': pid, 'process.executable.name': name, ...more.plain }), { key: 'tapio.process.ancestor_keys', value: list(['100:9', '1:9']) },
      { key: 'tapio.process.ancestor_names', value: list(['bash', 'init']) }, ...(more.args ? [{ key: 'process.command_args', value: list(more.args) }] : [])],
  });
  const logRecords = [
    event('tapio.process.exec', 200, 'make', now - 60_000, { args: ['make', 'test'] }, 'exec make test'),
    event('tapio.process.exit', 200, 'make', now - 56_000, { plain: { 'process.exit.code': 2 } }, 'exit make: code 2'),
    ...Array.from({ length: 5 }, (_, i) => event('tapio.process.exec', 300 + i, 'true', now - 50_000 + i, { args: ['true', String(i)] }, 'exec true ' + i)),
  ];
  await post(base, 'logs', { resourceLogs: [{ resource: resource('make'), scopeLogs: [{ scope: { name: 'kernel' }, logRecords }] }] });
}

/** A cumulative histogram: most observations take up to 10 ms, some up to 1 s. */
export async function feedHistogram(base, now = Date.now()) {
  const points = Array.from({ length: 20 }, (_, i) => ({
    startTimeUnixNano: String(Math.round(now - 21 * 15_000) * 1e6), timeUnixNano: String(Math.round(now - (20 - i) * 15_000) * 1e6),
    count: String((i + 1) * 12), sum: (i + 1) * 1.1, bucketCounts: [String((i + 1) * 10), '0', String((i + 1) * 2), '0'], explicitBounds: [0.01, 0.1, 1],
  }));
  await post(base, 'metrics', { resourceMetrics: [{ resource: resource('checkout'), scopeMetrics: [{ scope: { name: 'shop' }, metrics: [{ name: 'queue.wait', unit: 's', description: 'Time in the queue', histogram: { aggregationTemporality: 2, dataPoints: points } }] }] }] });
}

/** Minutes of requests in the order of their time, of which more than half fail from the one to the other minute before now. */
export async function feedIncident(base, { service = 'basket', route = '/basket', minutes = 11, fails = [3, 0], now = Date.now() } = {}) {
  for (let at = now - minutes * 6e4; at < now; at += 15_000) {
    const failing = at > now - fails[0] * 6e4 && at <= now - fails[1] * 6e4;
    const spans = [], logRecords = [];
    for (let i = 0; i < 12; i++) {
      const traceId = hex(16), spanId = hex(8), start = at + i * 1200, error = failing && i % 5 < 3;
      spans.push({ traceId, spanId, name: 'POST ' + route, kind: 2, attributes: kv({ 'http.route': route, 'http.request.method': 'POST', 'http.response.status_code': error ? 500 : 200 }), startTimeUnixNano: String(Math.round(start) * 1e6), endTimeUnixNano: String(Math.round(start + 20 + i) * 1e6), status: error ? { code: 2, message: 'disk is full' } : {} });
      if (error) logRecords.push({ timeUnixNano: String(Math.round(start) * 1e6), severityNumber: 17, body: { stringValue: `cannot write the ${service}: disk is full` }, traceId, spanId });
    }
    await post(base, 'traces', { resourceSpans: [{ resource: resource(service), scopeSpans: [{ scope: {}, spans }] }] });
    if (logRecords.length) await post(base, 'logs', { resourceLogs: [{ resource: resource(service), scopeLogs: [{ scope: {}, logRecords }] }] });
  }
}

/** Very many short log records of one service. */
export async function feedLogs(base, count, { service = 'bulk', now = Date.now(), text = 'line' } = {}) {
  for (let from = 0; from < count; from += 5000) {
    const logRecords = Array.from({ length: Math.min(5000, count - from) }, (_, i) => ({ timeUnixNano: String(Math.round((now - (count - from - i)) * 1e6)), severityNumber: 9, body: { stringValue: `${text} ${from + i}` } }));
    await post(base, 'logs', { resourceLogs: [{ resource: resource(service), scopeLogs: [{ scope: {}, logRecords }] }] });
  }
}

/** Services in namespaces of 20, each of which calls the next one and a database of its namespace. */
export async function feedServices(base, count, now = Date.now()) {
  const resourceSpans = [];
  const name = (n) => `svc-${String(n).padStart(3, '0')}`;
  for (let n = 0; n < count; n++) {
    const traceId = hex(16), ids = [hex(8), hex(8), hex(8), hex(8)];
    const span = (spanId, parentSpanId, name, kind, ms, attributes = {}) => ({ traceId, spanId, parentSpanId, name, kind, attributes: kv(attributes), startTimeUnixNano: String(Math.round(now - 3e4) * 1e6), endTimeUnixNano: String(Math.round(now - 3e4 + ms) * 1e6), status: n % 50 === 7 ? { code: 2 } : {} });
    const of = (n) => ({ attributes: kv({ 'service.name': name(n), 'k8s.namespace.name': 'team-' + Math.floor(n / 20) }) });
    resourceSpans.push(
      { resource: of(n), scopeSpans: [{ scope: {}, spans: [span(ids[0], '', 'GET /', 2, 20), span(ids[1], ids[0], 'GET', 3, 15, { 'server.address': name((n + 1) % count) }), span(ids[2], ids[0], 'SELECT', 3, 4, { 'db.system.name': 'postgresql', 'server.address': 'db-' + Math.floor(n / 20) })] }] },
      { resource: of((n + 1) % count), scopeSpans: [{ scope: {}, spans: [span(ids[3], ids[1], 'GET /', 2, 12)] }] });
  }
  await post(base, 'traces', { resourceSpans });
}
