import { expect, test, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/logs', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });
const { alertMatchers, matcherText, objective, parseMatchers, worstFirst } = await import('./alerting');

test('conditions are read and written the same', () => {
  const text = 'service=checkout, severity=~"error|fatal" pod!=a slo!~"x y" note="say \\"hi\\""';
  const matchers = parseMatchers(text);
  expect(matchers).toEqual([
    { name: 'service', operator: 'OPERATOR_EQUAL', value: 'checkout' },
    { name: 'severity', operator: 'OPERATOR_MATCHES', value: 'error|fatal' },
    { name: 'pod', operator: 'OPERATOR_NOT_EQUAL', value: 'a' },
    { name: 'slo', operator: 'OPERATOR_NOT_MATCHING', value: 'x y' },
    { name: 'note', operator: 'OPERATOR_EQUAL', value: 'say "hi"' },
  ]);
  expect(parseMatchers(matchers.map(matcherText).join(' '))).toEqual(matchers);
});

test('what is no condition is refused with what is accepted', () => {
  for (const bad of ['', '  ', 'service', 'service==x y', '=x', 'service="x']) expect(() => parseMatchers(bad), bad).toThrow(/condition/);
});

test('an alert is silenced by its labels', () => {
  expect(alertMatchers({ alertname: 'HighLatency', service: 'a b', __name__: 'ALERTS' })).toBe('alertname=HighLatency service="a b"');
});

test('objectives are worded and the worst comes first', () => {
  expect(objective({ type: 'TYPE_AVAILABILITY', target: 0.999 })).toBe('99.9 % succeed');
  expect(objective({ type: 'TYPE_LATENCY', target: 0.99, threshold: '0.300s' })).toBe('99 % within 300 ms');
  expect(objective({ type: 'TYPE_LATENCY', target: 0.5, threshold: '2s' })).toBe('50 % within 2 s');
  const list = [{ service: 'a', budgetRemaining: 0.9 }, { service: 'b', budgetRemaining: -3 }, { service: 'c', budgetRemaining: 0.5, burnRates: [{ firing: true }] }];
  expect(worstFirst(list).map((s) => s.service)).toEqual(['c', 'b', 'a']);
});
