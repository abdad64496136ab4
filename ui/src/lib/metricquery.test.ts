import { expect, test } from 'vitest';
import { add, aggregationOf, describe, edit, letter, queriesOf, remove } from './metricquery';
import type { Metric } from './discovery';

/** What the page's URL becomes with the changes. */
function after(url: string, changes: Record<string, string | string[] | undefined>): URLSearchParams {
  const query = new URLSearchParams(url);
  for (const [key, value] of Object.entries(changes)) {
    query.delete(key);
    for (const one of [value].flat()) if (one) query.append(key, one);
  }
  return query;
}
const all = (q: URLSearchParams) => queriesOf(q).all.map((x) => x.metric);

test('queries are added, edited and removed in the URL, and keep their order', () => {
  let url = new URLSearchParams('metric=a&by=host&q=x%3D1&from=15m');
  expect(queriesOf(url)).toMatchObject({ edited: 0, all: [{ metric: 'a', by: ['host'], conditions: ['x=1'] }] });
  url = after(url.toString(), add(queriesOf(url).all));
  expect([all(url), queriesOf(url).edited, url.get('from'), url.get('by')]).toEqual([['a', ''], 1, '15m', null]);
  url.set('metric', 'b');
  url = after(url.toString(), add(queriesOf(url).all));
  url.set('metric', 'c');
  expect(all(url)).toEqual(['a', 'b', 'c']);
  url = after(url.toString(), edit(queriesOf(url).all, 0));
  expect([all(url), queriesOf(url).edited, url.get('metric'), url.getAll('by')]).toEqual([['a', 'b', 'c'], 0, 'a', ['host']]);
  url = after(url.toString(), remove(queriesOf(url).all, 1, 0));
  expect([all(url), url.get('metric')]).toEqual([['a', 'c'], 'a']);
  url = after(url.toString(), remove(queriesOf(url).all, 0, 0));
  expect([all(url), url.get('metric'), url.has('also')]).toEqual([['c'], 'c', false]);
  url = after(url.toString(), remove(queriesOf(url).all, 0, 0));
  expect([all(url), url.toString()]).toEqual([[''], 'from=15m']);
});

test('an unfinished query is left out when another one is edited', () => {
  const url = after('metric=a', add(queriesOf(new URLSearchParams('metric=a')).all));
  expect(all(after(url.toString(), edit(queriesOf(url).all, 0)))).toEqual(['a']);
  expect(all(after(url.toString(), add(queriesOf(url).all)))).toEqual(['a', '']);
});

test('a URL with an index that does not exist shows the last query', () => {
  expect(queriesOf(new URLSearchParams('metric=a&also=metric%3Db&at=7')).edited).toBe(1);
  expect(queriesOf(new URLSearchParams('metric=a&also=nonsense&at=x')).all).toHaveLength(1);
});

test('a query is described in words', () => {
  const metrics = [{ name: 'c', type: 'sum', monotonic: true }, { name: 'h', type: 'exponential histogram' }] as Metric[];
  const query = (metric: string) => ({ metric, aggregation: '', by: ['host'], conditions: ['x=1'], services: ['shop'] });
  expect(['c', 'h', 'g'].map((m) => aggregationOf(query(m), metrics))).toEqual(['RATE', 'P95', 'AVG']);
  expect(describe(query('c'), metrics)).toBe('rate of c by host where service=shop, x=1');
  expect([0, 25, 26].map(letter)).toEqual(['A', 'Z', 'A1']);
});
