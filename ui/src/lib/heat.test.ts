import { describe, expect, it } from 'vitest';
import { boxOf, fromClassic, fromDurations, fromNative } from './heat';

const times = [0, 1000, 2000];
const range = { start: 500, end: 2500, relative: '' };

describe('a heat map', () => {
  it('of durations has a row for each half power of two, empty ones between too', () => {
    const h = fromDurations([{ value: '0.00104858', buckets: new Map([[0, 3]]) }, { value: '0.00209715', buckets: new Map([[2000, 5]]) }, { value: '0', buckets: new Map() }], times, 1000);
    expect(h.bounds.map((b) => b.toPrecision(3))).toEqual(['0.00105', '0.00148', '0.00210']);
    expect(h.cells).toEqual([[3, 0, 0], [0, 0, 0], [0, 0, 5]]);
    expect(h.max).toBe(5);
    expect(h.low).toBeCloseTo(0.00074, 5);
  });
  it('of cumulative buckets shows what each holds, without empty rows at the ends', () => {
    const series = [['0.1', [0, 0]], ['0.5', [2, 4]], ['1', [5, 4]], ['+Inf', [5, 4]]].map(([le, v]) => ({ metric: { le: le as string }, values: (v as number[]).map((n, i): [number, string] => [1 + i, String(n)]) }));
    const h = fromClassic(series, times, 1000);
    expect(h).toMatchObject({ bounds: [0.5, 1], low: 0.1, cells: [[2, 4, 0], [3, 0, 0]], max: 4 });
  });
  it('of native histograms adds up the buckets of all series', () => {
    const h = fromNative([{ histograms: [[1, { buckets: [[0, '1', '2', '3'], [0, '2', '4', '1']] }]] }, { histograms: [[1, { buckets: [[0, '1', '2', '2']] }]] }], times, 1000);
    expect(h).toMatchObject({ bounds: [2, 4], low: 1, cells: [[5, 0, 0], [1, 0, 0]] });
  });
  it('is empty without data', () => {
    expect(fromClassic([], times, 1000)).toMatchObject({ bounds: [], max: 0 });
  });
  it('gives the range and sizes of a rectangle, within the range of the page', () => {
    const h = fromClassic([{ metric: { le: '1' }, values: [[1, '1']] }, { metric: { le: '2' }, values: [[1, '3']] }], times, 1000);
    expect(boxOf(h, { row: 1, column: 2 }, { row: 0, column: 0 }, range)).toEqual({ start: 500, end: 2500, low: 0, high: 2 });
    expect(boxOf(h, { row: 1, column: 1 }, { row: 1, column: 1 }, range)).toEqual({ start: 1000, end: 2000, low: 1, high: 2 });
  });
});
