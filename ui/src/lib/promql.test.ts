import { expect, test } from 'vitest';
import { completed, line, matching, place } from './promql';

const at = (text: string) => {
  const cursor = text.indexOf('|');
  return place(text.replace('|', ''), cursor);
};

test('the place of the cursor is known', () => {
  expect(at('ra|')).toEqual({ kind: 'name', from: 0, word: 'ra', metric: '' });
  expect(at('rate(http_req|[5m])')).toMatchObject({ kind: 'name', from: 5, word: 'http_req' });
  expect(at('up{|}')).toMatchObject({ kind: 'label', word: '', metric: 'up' });
  expect(at('up{job="a", ins|}')).toMatchObject({ kind: 'label', word: 'ins', metric: 'up' });
  expect(at('up{job="ch|"}')).toMatchObject({ kind: 'value', label: 'job', word: 'ch', metric: 'up', from: 8 });
  expect(at('up{a="x{", job=~"ch|')).toMatchObject({ kind: 'value', label: 'job', word: 'ch', metric: 'up' });
  expect(at('sum by (job, in|) (up)')).toMatchObject({ kind: 'label', word: 'in' });
  expect(at('label_replace(up, "d|')).toEqual({ kind: 'none' });
  expect(at('up{job|="a"}')).toMatchObject({ kind: 'label', word: 'job' });
  expect(at('1 + |')).toEqual({ kind: 'none' });
});

test('a completion takes the place of what was written', () => {
  const use = (text: string, choice: string) => {
    const cursor = text.indexOf('|'), plain = text.replace('|', '');
    const done = completed(plain, cursor, place(plain, cursor), choice);
    return done.text.slice(0, done.cursor) + '|' + done.text.slice(done.cursor);
  };
  expect(use('ra|', 'rate')).toBe('rate(|');
  expect(use('rate(ht|[5m])', 'http_requests_total')).toBe('rate(http_requests_total|[5m])');
  expect(use('up{jo|}', 'job')).toBe('up{job="|}');
  expect(use('up{jo|="a"}', 'job')).toBe('up{job|="a"}');
  expect(use('up{job="c|"}', 'che"ck')).toBe('up{job="che\\"ck|"}');
  expect(use('sum by (jo|) (up)', 'job')).toBe('sum by (job|) (up)');
});

test('what begins with the word comes first', () => {
  expect(matching(['a_rate', 'rate', 'irate', 'sum', 'rated'], 'rate')).toEqual(['rated', 'a_rate', 'irate']);
});

test('steps without a value are gaps', () => {
  const l = line({ __name__: 'up', job: 'a' }, [[0, '1'], [10, '2'], [40, '3'], [50, 'NaN']], 10_000, 'up');
  expect(l.name).toBe('up{job="a"}');
  expect(l.times).toEqual([0, 10_000, 20_000, 40_000, 50_000]);
  expect(l.values).toEqual([1, 2, null, 3, null]);
  expect(line({}, [[0, '1']], 10_000, 'sum(up)').name).toBe('sum(up)');
});
