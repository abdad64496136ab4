import { expect, test, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/logs', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });

test('conditions are read as the server reads them', async () => {
  const { filterOf, parseSelector, selectorText } = await import('./filter');
  expect(parseSelector('service=checkout')).toEqual({ key: 'service', operator: '=', values: ['checkout'] });
  expect(parseSelector('http.route!~/api.*')).toEqual({ key: 'http.route', operator: '!~', values: ['/api.*'] });
  expect(parseSelector('status>=500')).toEqual({ key: 'status', operator: '>=', values: ['500'] });
  expect(parseSelector('!k8s.pod.name')).toEqual({ key: 'k8s.pod.name', operator: '!exists', values: [] });
  expect(parseSelector('user.id')).toEqual({ key: 'user.id', operator: 'exists', values: [] });
  expect(parseSelector(selectorText('url', '=', 'a b,c'))).toEqual({ key: 'url', operator: '=', values: ['a b,c'] });
  expect(filterOf(new URLSearchParams('service=a&service=b&severity=error&text=x&event=tapio.*'), undefined))
    .toEqual({ services: ['a', 'b'], minSeverity: 'SEVERITY_ERROR', text: 'x', eventNames: ['tapio.*'] });
});

test('time ranges', async () => {
  const { durationMs, rangeOf, span } = await import('./time.svelte');
  const now = Date.parse('2026-11-29T12:00:00Z');
  expect(rangeOf(new URLSearchParams('from=15m'), now)).toEqual({ start: now - 9e5, end: now, relative: '15m' });
  expect(rangeOf(new URLSearchParams('from=2026-11-29T10:00:00Z&to=2026-11-29T11:00:00Z'), now)).toEqual({ start: now - 72e5, end: now - 36e5, relative: '' });
  expect(rangeOf(new URLSearchParams('from=soon'), now).relative).toBe('1h');
  expect([0, 0.00035, 0.35, 8, 1300, 400_000, 11_400_000, 90_000_000].map(span)).toEqual(['0 s', '350 ns', '350 µs', '8 ms', '1.3 s', '6 min 40 s', '3 h 10 min', '1 d 1 h']);
  expect(durationMs('1.5s')).toBe(1500);
});

test('severities of OTLP, by name and by number', async () => {
  const { level } = await import('./otlp');
  expect(['SEVERITY_NUMBER_ERROR', 'SEVERITY_NUMBER_INFO4', 'SEVERITY_NUMBER_WARN2', 24, 0, undefined].map(level)).toEqual(['error', 'info', 'warn', 'fatal', 'none', 'none']);
});

test('a spreadsheet runs nothing', async () => {
  const { csv } = await import('./export');
  expect(csv([['=HYPERLINK("x")', 'a,"b"', -1]])).toBe('"\'=HYPERLINK(""x"")","a,""b""",-1\r\n');
});

test('Markdown of an incident escapes what records say', async () => {
  const { markdown } = await import('./markdown');
  const text = markdown({ title: '**x** <b>', state: 'STATE_OPEN', type: 'TYPE_NETWORK', timeRange: { start: '2026-11-29T11:00:00Z' } }, [], Date.parse('2026-11-29T11:05:00Z'));
  expect(text).toContain('## \\*\\*x\\*\\* \\<b\\>');
  expect(text).toContain('(5 min)');
});

test('the operation that is affected most, in one sentence', async () => {
  const { worstImpact } = await import('./incidents');
  const group = (...operations: object[]) => ({ confidence: 0.9, impact: { operations } }) as never;
  expect(worstImpact([group({ operation: 'GET /', errorRatio: 0.1 }), group({ operation: 'POST /orders', errorRatio: 0.24, slowRatio: 0.76 })])).toBe('24 % of POST /orders fail, 76 % are slow.');
  expect(worstImpact([group({ service: 'cart', slowRatio: 0.5 })])).toBe('50 % of cart are slow.');
  expect(worstImpact([group({ operation: 'GET /', errorRatio: 0 }), group()])).toBe('');
});

test('a rate counts from the first record on', async () => {
  const { perSecond } = await import('./discovery');
  const range = { start: 0, end: 3_600_000, relative: '1h' };
  expect(perSecond(3600, range)).toBe(1);
  expect(perSecond(3600, range, 3_000_000)).toBe(6);
  expect(perSecond(3, range, 3_599_900)).toBe(3);
});

test('a path opens a page, of which most have a script of their own', async () => {
  const { load, pageOf, parts } = await import('./pages');
  expect(['/', '/logs', '/traces', '/traces/0af7', '/incidents', '/incidents/x', '/services/a%2Fb', '/services', '/none'].map(pageOf))
    .toEqual(['/', '/logs', '/traces', '/trace', '/incidents', '/incident', '/services', '', '/none']);
  expect(parts('/services/a%2Fb')).toEqual(['services', 'a/b']);
  expect(parts('/services/%')).toEqual(['services', '%']);
  expect([load('/'), load('/none'), load('')]).toEqual([undefined, undefined, undefined]);
});
