import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Tails, backlog, type Reader, type TailMessage } from './tails';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const log = (n: number) => ({ id: String(n), sequence: String(n) });
const request = (service: string, authorization = '') => ({ filter: { services: [service] }, excludeEvents: true, authorization });

interface Call { services: string[]; historyOnly: boolean; resumeToken?: string; start?: object; authorization: string | undefined; write: (message: object) => void; close: () => void; signal: AbortSignal }

/** A server whose streams stay open until the test or the client ends them. */
function server(answer: (call: Call) => number | void = (c) => void (c.write({ caughtUp: true, resumeToken: 't0' }), c.historyOnly && c.close())) {
  const calls: Call[] = [];
  let open = 0, most = 0;
  const ask = async (_path: string, init: RequestInit): Promise<Response> => {
    most = Math.max(most, ++open);
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c) });
    let over = false;
    const end = (how: () => void) => {
      if (over) return;
      over = true;
      open--;
      how();
    };
    const signal = init.signal as AbortSignal;
    signal.addEventListener('abort', () => end(() => controller.error(signal.reason)));
    const sent = JSON.parse(String(init.body));
    const call: Call = {
      services: sent.filter.services, historyOnly: sent.historyOnly, resumeToken: sent.resumeToken, start: sent.start, signal, authorization: (init.headers as Record<string, string>)['Authorization'],
      write: (m) => controller.enqueue(new TextEncoder().encode(JSON.stringify({ result: m }) + '\n')), close: () => end(() => controller.close()),
    };
    calls.push(call);
    const status = answer(call);
    if (typeof status !== 'number') return new Response(body);
    open--;
    if (status === 0) throw new TypeError('Failed to fetch');
    return new Response(JSON.stringify({ message: 'refused' }), { status });
  };
  return { ask, calls, counts: () => ({ open, most }) };
}

function reader(hidden = false): Reader & { got: TailMessage[]; ids: () => string[] } {
  const got: TailMessage[] = [];
  return { hidden, got, send: (m) => void got.push(m), ids: () => got.flatMap((m) => (m.kind === 'records' ? m.logs.map((l) => l.id ?? '') : [])) };
}

test('readers with the same conditions share one stream, and a late one begins with the newest records', async () => {
  const s = server();
  const tails = new Tails(true, s.ask);
  const a = reader(), b = reader(), c = reader();
  tails.join(request('x'), a);
  tails.join(request('x'), b);
  await vi.advanceTimersByTimeAsync(10);
  s.calls[0]!.write({ logs: Array.from({ length: backlog + 1 }, (_, i) => log(i)), resumeToken: 't1' });
  await vi.advanceTimersByTimeAsync(10);
  tails.join(request('x'), c);
  expect(s.calls.map((x) => [x.historyOnly, x.start])).toEqual([[false, { last: backlog }]]);
  expect(a.ids()).toHaveLength(backlog + 1);
  expect(b.ids()).toEqual(a.ids());
  expect(c.ids()).toEqual(a.ids().slice(1));
});

test('other credentials are another tail', async () => {
  const s = server();
  const tails = new Tails(true, s.ask);
  tails.join(request('x', 'Bearer a'), reader());
  tails.join(request('x', 'Bearer b'), reader());
  await vi.advanceTimersByTimeAsync(10);
  expect(s.calls.map((c) => c.authorization)).toEqual(['Bearer a', 'Bearer b']);
});

test('eight tails hold one stream, and the others are polled one after the other', async () => {
  const s = server((c) => void (c.write({ logs: [log(s.calls.length)], resumeToken: 't' }), c.historyOnly && setTimeout(c.close, 50)));
  const tails = new Tails(true, s.ask);
  const readers = Array.from({ length: 8 }, () => reader());
  readers.forEach((r, i) => tails.join(request('s' + i), r));
  await vi.advanceTimersByTimeAsync(3000);
  expect(s.counts().most).toBe(2);
  expect(s.calls.filter((c) => !c.historyOnly)).toHaveLength(1);
  for (const r of readers.slice(1)) expect(r.ids().length).toBeGreaterThan(1);
});

test('the stream goes to a tail in sight, and a hidden one is polled less often', async () => {
  const s = server();
  const tails = new Tails(true, s.ask);
  const a = reader(), b = reader();
  tails.join(request('a'), a);
  tails.join(request('b'), b);
  await vi.advanceTimersByTimeAsync(10);
  expect(s.calls[0]!.historyOnly).toBe(false);
  a.hidden = true;
  tails.look();
  await vi.advanceTimersByTimeAsync(1500);
  expect(s.calls[0]!.signal.aborted).toBe(true);
  expect(s.calls.at(-1)).toMatchObject({ services: ['b'], historyOnly: false });
  const before = s.calls.filter((c) => c.services[0] === 'a').length;
  await vi.advanceTimersByTimeAsync(20_000);
  const polls = s.calls.filter((c) => c.services[0] === 'a').length - before;
  expect(polls).toBeGreaterThanOrEqual(3);
  expect(polls).toBeLessThanOrEqual(4);
});

test('a stream that breaks off goes on behind the last record, and the failure is reported until there is an answer', async () => {
  let down = false;
  const s = server((c) => (down ? 0 : void c.write({ logs: [log(s.calls.length)], resumeToken: 't' + s.calls.length })));
  const tails = new Tails(true, s.ask);
  const r = reader();
  tails.join(request('x'), r);
  await vi.advanceTimersByTimeAsync(10);
  down = true;
  s.calls[0]!.close();
  await vi.advanceTimersByTimeAsync(2500);
  expect(r.got.at(-1)).toEqual({ kind: 'failed', status: 0, message: 'The server does not answer.' });
  const late = reader();
  tails.join(request('x'), late);
  expect(late.got.map((m) => m.kind)).toEqual(['records', 'failed']);
  down = false;
  await vi.advanceTimersByTimeAsync(1500);
  expect(s.calls.at(-1)!.resumeToken).toBe('t1');
  expect(r.got.slice(-2).map((m) => m.kind)).toEqual(['answered', 'records']);
});

test('refusals are reported with their status', async () => {
  const s = server(() => 401);
  const r = reader();
  new Tails(true, s.ask).join(request('x'), r);
  await vi.advanceTimersByTimeAsync(10);
  expect(r.got).toEqual([{ kind: 'failed', status: 401, message: 'refused' }]);
});

test('a stream that a proxy holds back is polled instead', async () => {
  const s = server((c) => void (c.historyOnly && (c.write({ logs: [log(1)], caughtUp: true, resumeToken: 't' }), c.close())));
  const r = reader();
  new Tails(true, s.ask).join(request('x'), r);
  await vi.advanceTimersByTimeAsync(7000);
  expect(s.calls[0]!.historyOnly).toBe(false);
  expect(s.calls.slice(1).every((c) => c.historyOnly)).toBe(true);
  expect(r.ids()).toContain('1');
});

test('a tail ends with its last reader', async () => {
  const s = server();
  const tails = new Tails(true, s.ask);
  const leave = [tails.join(request('x'), reader()), tails.join(request('x'), reader())];
  await vi.advanceTimersByTimeAsync(10);
  leave[0]!();
  expect(s.calls[0]!.signal.aborted).toBe(false);
  leave[1]!();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(s.calls[0]!.signal.aborted).toBe(true);
  expect(s.calls).toHaveLength(1);
  expect(s.counts().open).toBe(0);
});

test('without a SharedWorker no connection stays open', async () => {
  const s = server();
  new Tails(false, s.ask).join(request('x'), reader());
  await vi.advanceTimersByTimeAsync(3500);
  expect(s.calls.every((c) => c.historyOnly)).toBe(true);
  expect(s.calls.length).toBeGreaterThan(2);
  expect(s.counts().open).toBe(0);
});
