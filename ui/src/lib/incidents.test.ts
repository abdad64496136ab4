import { expect, test, vi } from 'vitest';
import type { Group } from './api';

vi.stubGlobal('location', { pathname: '/', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });

const group = (level: string, more: object = {}) => ({ id: 'g', state: 'STATE_OPEN', confidence: 0.9, impact: { level }, ...more }) as Group;
const severe = group('LEVEL_HIGH'), mild = group('LEVEL_LOW');

test('how many incidents are open, and how many of them are severe', async () => {
  const { openText } = await import('./incidents');
  expect(openText([mild])).toBe('1 open incident.');
  expect(openText([severe])).toBe('1 open incident, severe.');
  expect(openText([severe, severe])).toBe('2 open incidents, both severe.');
  expect(openText([severe, severe, severe])).toBe('3 open incidents, all severe.');
  expect(openText([severe, mild, mild])).toBe('3 open incidents, 1 of them severe.');
  expect(openText([severe, group('LEVEL_CRITICAL', { confidence: 0.01 })])).toBe('2 open incidents, 1 of them severe.');
  expect(openText([group('LEVEL_HIGH', { confidence: undefined })])).toBe('1 open incident, severe.');
});

test('a sure cause with a high impact comes first, and of equal ones the earlier', async () => {
  const { byWeight } = await import('./incidents');
  const at = (start: string) => ({ timeRange: { start } });
  const guessed = group('LEVEL_CRITICAL', { id: 'guessed', rootCause: { confidence: 0.0005 } });
  const later = group('LEVEL_HIGH', { id: 'later', ...at('2026-11-30T10:01:00Z') }), earlier = group('LEVEL_HIGH', { id: 'earlier', ...at('2026-11-30T10:00:00Z') });
  expect([guessed, mild, later, earlier].sort(byWeight).map((g) => g.id)).toEqual(['earlier', 'later', 'g', 'guessed']);
});

test('the operation that is affected most is named with its service', async () => {
  const { worstImpact } = await import('./incidents');
  const operations = [{ service: 'cart', operation: 'GET /cart', errorRatio: 0.1 }, { service: 'storefront', operation: 'POST /orders', errorRatio: 0.24, slowRatio: 0.76 }];
  expect(worstImpact([group('LEVEL_HIGH', { impact: { operations } })])).toBe('24 % of storefront POST /orders fail, 76 % are slow.');
  expect(worstImpact([severe])).toBe('');
  expect(worstImpact([group('LEVEL_HIGH', { confidence: 0.01, impact: { operations } })])).toBe('');
});

test('each state has a mark', async () => {
  const { stateIcon } = await import('./incidents');
  expect(['STATE_OPEN', 'STATE_RECOVERING', 'STATE_RESOLVED'].map((state) => stateIcon(group('', { state })))).toEqual(['●', '◐', '○']);
});

test('what is no service has no page of one: its records are shown', async () => {
  const { placeOf } = await import('./incidents');
  expect(placeOf({ kind: 'KIND_SERVICE', name: 'a/b' })).toEqual(['/services/a%2Fb', {}]);
  expect(placeOf({ kind: 'KIND_PEER', name: 'payments-db' })).toEqual(['/services/payments-db', {}]);
  expect(placeOf({ kind: 'KIND_NODE', name: 'vm' })).toEqual(['/logs', { q: 'host.name=vm' }]);
  expect(placeOf({ kind: 'KIND_POD', name: 'cart-1' })).toEqual(['/logs', { q: 'k8s.pod.name=cart-1' }]);
});
