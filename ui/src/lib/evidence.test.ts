import { expect, test, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });
const { seriesOf } = await import('./evidence');

test('the id of a metric is read with its labels', () => {
  expect(seriesOf('process.memory.usage')).toEqual({ name: 'process.memory.usage', labels: [] });
  expect(seriesOf('http.server.request.duration{http.route="/a,b",service.name="shop \\"x\\"",url.path="/\\u00e4\\t"}')).toEqual({
    name: 'http.server.request.duration', labels: [['http.route', '/a,b'], ['service.name', 'shop "x"'], ['url.path', '/ä\t']],
  });
  expect(seriesOf('m{a="1",server.address="inve')).toEqual({ name: 'm', labels: [['a', '1']] });
  expect(seriesOf('m{a="\\xff",b="{1}"}').labels).toEqual([['a', 'ÿ'], ['b', '{1}']]);
});
