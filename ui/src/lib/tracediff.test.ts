import { describe, expect, it } from 'vitest';
import { changedAttributes, diff, differs, type Call } from './tracediff';

const call = (depth: number, name: string, duration: number, more: Partial<Call> = {}): Call => ({ service: 'shop', name, depth, duration, self: duration / 2, failed: false, attributes: [], ...more });

describe('the difference of two traces', () => {
  const a = [call(0, 'GET /orders/17', 100), call(1, 'SELECT', 10), call(1, 'SELECT', 20), call(1, 'cache', 5)];
  const b = [call(0, 'GET /orders/18', 900, { failed: true }), call(1, 'SELECT', 800), call(1, 'retry', 3), call(2, 'SELECT', 2)];
  const rows = diff(a, b);

  it('adds up calls of one name, and keeps those of one side', () => {
    expect(rows.map((r) => [r.depth, r.name, r.a?.count ?? 0, r.a?.duration ?? 0, r.b?.count ?? 0, r.b?.duration ?? 0])).toEqual([
      [0, 'GET /orders/17', 1, 100, 1, 900], [1, 'SELECT', 2, 30, 1, 800], [1, 'cache', 1, 5, 0, 0], [1, 'retry', 0, 0, 1, 3], [2, 'SELECT', 0, 0, 1, 2]]);
    expect(new Set(rows.map((r) => r.key)).size).toBe(rows.length);
  });
  it('names what differs', () => {
    expect(rows.map((r) => differs(r, 1e6))).toEqual([true, true, true, true, true]);
    expect(diff(a, a).some((r) => differs(r, 0.1))).toBe(false);
    expect(differs(diff([call(0, 'x', 10)], [call(0, 'x', 30)])[0]!, 5)).toBe(true);
  });
  it('shows the attributes whose values differ', () => {
    const [row] = diff([call(0, 'x', 1, { attributes: [['v', '1'], ['same', 's']] })], [call(0, 'x', 1, { attributes: [['v', '2'], ['same', 's'], ['new', 'n']] })]);
    expect(changedAttributes(row!)).toEqual([{ key: 'new', a: '', b: 'n' }, { key: 'v', a: '1', b: '2' }]);
  });
});
