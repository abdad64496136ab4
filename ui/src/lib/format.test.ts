import { describe, expect, test } from 'vitest';
import { bytes, hue, hues, number, percent, visible, withUnit } from './format';

describe('figures', () => {
  test.each([[0, '0'], [12.345, '12.3'], [999, '999'], [1234, '1,230'], [12345, '12.3 k'], [2.5e6, '2.5 M'], [NaN, '–']])('number %d', (n, want) => expect(number(n)).toBe(want));
  test.each([[0, '0 B'], [1536, '1.5 KiB'], [2 ** 30, '1 GiB']])('bytes %d', (n, want) => expect(bytes(n)).toBe(want));
  test.each([[0, '0 %'], [0.0004, '< 0.1 %'], [0.004, '0.4 %'], [0.24, '24 %'], [0.999, '> 99 %'], [1, '100 %']])('percent %d', (n, want) => expect(percent(n)).toBe(want));
  test('units', () => {
    expect(withUnit(0.0083, 's')).toBe('8.3 ms');
    expect(withUnit(2048, 'By')).toBe('2 KiB');
    expect(withUnit(3, '{request}')).toBe('3');
  });
});

test('control and bidirectional characters are shown as symbols', () => {
  expect(visible('a\u001b[31mb\u202ec\nd')).toBe('a\u241b[31mb\u27e8U+202E\u27e9c\nd');
});

test('names on one chart have hues that differ, the same in any order', () => {
  const names = ['cart', 'catalog', 'checkout', 'inventory', 'payment', 'recommendation', 'storefront'];
  const found = hues(names);
  expect(hues([...names].reverse())).toEqual(found);
  const sorted = [...found.values()].sort((a, b) => a - b);
  for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(28);
  expect(hues(['cart']).get('cart')).toBe(hue('cart'));
  expect(new Set(hues(Array.from({ length: 400 }, (_, i) => 'n' + i)).keys()).size).toBe(400);
});
