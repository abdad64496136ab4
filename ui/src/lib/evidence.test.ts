import { expect, test, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });
const { claimKeys, seriesOf } = await import('./evidence');

test('the id of a metric is read with its labels', () => {
  expect(seriesOf('process.memory.usage')).toEqual({ name: 'process.memory.usage', labels: [] });
  expect(seriesOf('http.server.request.duration{http.route="/a,b",service.name="shop \\"x\\"",url.path="/\\u00e4\\t"}')).toEqual({
    name: 'http.server.request.duration', labels: [['http.route', '/a,b'], ['service.name', 'shop "x"'], ['url.path', '/ä\t']],
  });
  expect(seriesOf('m{a="1",server.address="inve')).toEqual({ name: 'm', labels: [['a', '1']] });
  expect(seriesOf('m{a="\\xff",b="{1}"}').labels).toEqual([['a', 'ÿ'], ['b', '{1}']]);
});

test('a claim is the same while its figures and its record change, and each is its own', () => {
  const before = claimKeys([{ kind: 'KIND_SPAN', id: 'a:1', description: 'GET / takes 312 ms (baseline 8.3 ms)' }, { kind: 'KIND_EVENT', id: '5', description: 'exit code 1' }, { kind: 'KIND_EVENT', id: '6', description: 'exit code 2' }]);
  expect(claimKeys([{ kind: 'KIND_SPAN', id: 'b:2', description: 'GET / takes 1,313.5 ms (baseline 8.4 ms)' }])).toEqual([before[0]]);
  expect(new Set(before).size).toBe(3);
});
