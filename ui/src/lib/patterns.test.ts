import { describe, expect, it } from 'vitest';
import { fixedText, isNew, patterns, words } from './patterns';
import type { Row } from './records';

const row = (body: string, service = 'shop', level: Row['level'] = 'info'): Row => ({ id: '', sequence: '', time: 0, level, service, event: '', body, traceId: '', spanId: '', attributes: [], resource: [] });
const of = (bodies: string[]) => patterns(bodies.map((b, i) => ({ row: row(b), bucket: i, weight: 1 })), bodies.length).map((p) => [p.template, p.count]);

describe('words', () => {
  it('keep names and replace figures, ids and quoted sentences', () => {
    expect(words('order 17 of user u-42 took 1.5ms id=7f3a9c code=ok peer=10.0.0.7:5432 "some text" -> done')).toEqual(
      ['order', '<*>', 'of', 'user', '<*>', 'took', '<*>', 'id=<*>', 'code=ok', 'peer=<*>', '<*>', '->', 'done']);
  });
});

describe('patterns', () => {
  it('put together what differs in figures, and in a few words', () => {
    expect(of(['payment of order 1 failed', 'payment of order 2 failed', 'request 3 served', 'request served'])).toEqual([['payment of order <*> failed', 2], ['request <*> served', 1], ['request served', 1]]);
    expect(of(['user ann logged in from web', 'user bob logged in from web'])).toEqual([['user <*> logged in from web', 2]]);
  });
  it('keep services apart, count by bucket and weight, and have the most severe example', () => {
    const found = patterns([{ row: row('a b 1', 'x'), bucket: 0, weight: 10 }, { row: row('a b 2', 'x', 'error'), bucket: 2, weight: 5 }, { row: row('a b 3', 'y'), bucket: 1, weight: 1 }], 3);
    expect(found).toMatchObject([{ service: 'x', count: 15, trend: [10, 0, 5], level: 'error', example: { body: 'a b 2' } }, { service: 'y', count: 1 }]);
  });
  it('have a text to search for, and are new at the end of the range', () => {
    expect(fixedText('payment of order <*> failed')).toBe('payment of order');
    const [old, fresh] = patterns([{ row: row('steady'), bucket: 0, weight: 9 }, { row: row('sudden'), bucket: 8, weight: 1 }], 9);
    expect([isNew(old!, [old!, fresh!]), isNew(fresh!, [old!, fresh!])]).toEqual([false, true]);
  });
});
