import { expect, test, vi } from 'vitest';
import howTo from '../../../docs/how-to/profiles.md?raw';
import { beside, boxes, change, color, costliest, layout, moved, packageOf, search, type CallNode } from './flame';

vi.stubGlobal('location', { pathname: '/profiles', search: '' });
vi.stubGlobal('localStorage', { getItem: () => null });
vi.stubGlobal('sessionStorage', { getItem: () => null });
const { amount, baselineOf, defaultType, difference, scraping, sending } = await import('./profiles');

const node = (parent: number, name: string, totalValue: number, selfValue = 0, totalDelta = 0): CallNode => ({ ...(parent === 0 ? {} : { parent }), function: name, file: `/src/${name}.go`, totalValue, selfValue, totalDelta });
// all 100: main 90 (serve 60 (hash 40, main 10), idle 30), gc 10
const tree = [node(-1, 'all', 100), node(0, 'main', 90), node(1, 'serve', 60, 10), node(2, 'hash', 40, 40), node(2, 'main', 10, 10), node(1, 'idle', 30, 30), node(0, 'gc', 10, 10)];

test('siblings lie side by side, from the start of their caller', () => {
  const frames = layout(tree, 'all');
  expect(frames.map((f) => [f.name, f.depth, f.start, f.total])).toEqual([
    ['all', 0, 0, 100], ['main', 1, 0, 90], ['serve', 2, 0, 60], ['hash', 3, 0, 40], ['main', 3, 40, 10], ['idle', 2, 60, 30], ['gc', 1, 90, 10]]);
  expect(boxes(frames, 0, 1000).map((b) => [b.index, b.row, b.x, b.width])).toEqual([
    [0, 0, 0, 1000], [1, 1, 0, 900], [2, 2, 0, 600], [3, 3, 0, 400], [4, 3, 400, 100], [5, 2, 600, 300], [6, 1, 900, 100]]);
  expect(layout([])).toEqual([]);
  expect(boxes([], 0, 1000)).toEqual([]);
});

test('a zoomed frame takes the width, and so do its callers', () => {
  const frames = layout(tree);
  expect(boxes(frames, 2, 600).map((b) => [b.index, b.x, b.width])).toEqual([[0, 0, 600], [1, 0, 600], [2, 0, 600], [3, 0, 400], [4, 400, 100]]);
  expect(boxes(frames, 5, 600).map((b) => [b.index, b.x, b.width])).toEqual([[0, 0, 600], [1, 0, 600], [5, 0, 600]]);
});

test('boxes that are too narrow to see are not drawn, nor what is in them', () => {
  const frames = layout([node(-1, '', 10_000), node(0, 'wide', 9_999, 9_999), node(0, 'narrow', 1), node(2, 'leaf', 1, 1)]);
  expect(boxes(frames, 0, 1000).map((b) => b.index)).toEqual([0, 1]);
  expect(boxes(frames, 2, 1000).map((b) => b.index)).toEqual([0, 2, 3]);
});

test('a path keeps its key when the order of siblings changes, and differs by place', () => {
  const frames = layout(tree);
  const other = layout([tree[0]!, node(0, 'gc', 95, 95), node(0, 'main', 5), node(2, 'idle', 5, 5)]);
  expect(other[1]!.key).toBe(frames[6]!.key);
  expect(other[3]!.key).toBe(frames[5]!.key);
  expect(new Set(frames.map((f) => f.key)).size).toBe(frames.length);
});

test('arrow keys move to caller, callee and neighbor', () => {
  const frames = layout(tree);
  const list = boxes(frames, 0, 1000);
  expect(['ArrowDown', 'ArrowUp', 'ArrowRight', 'ArrowLeft'].map((key) => moved(frames, list, 2, key))).toEqual([3, 1, 5, 2]);
  expect(['ArrowDown', 'ArrowUp'].map((key) => moved(frames, list, 2, key, true))).toEqual([1, 3]);
  expect(moved(frames, list, 0, 'ArrowUp')).toBe(0);
  expect(moved(frames, list, 3, 'ArrowDown')).toBe(3);
  expect(beside(list, 5, 1)).toBe(5);
});

test('the share of a search counts nested matches once', () => {
  const frames = layout(tree);
  expect(search(frames, 'MAIN')).toMatchObject({ functions: 1, share: 0.9, atLeast: false });
  expect([...search(frames, 'main').frames]).toEqual([1, 4]);
  expect(search(frames, 'hash.go')).toMatchObject({ functions: 1, share: 0.4 });
  expect(search(frames, 'absent')).toMatchObject({ functions: 0, share: 0 });
  expect(search(frames, '')).toMatchObject({ functions: 0, share: 0 });
  expect(search(layout([node(-1, '', 100), node(0, 'main', 60, 20)]), 'main')).toMatchObject({ share: 0.6, atLeast: true });
});

test('the table has the costliest calls, each below its caller', () => {
  const frames = layout(tree);
  expect(costliest(frames, 0, 100).map((f) => f.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(costliest(frames, 0, 4).map((f) => f.name)).toEqual(['all', 'main', 'serve', 'hash']);
  expect(costliest(frames, 2, 100).map((f) => f.name)).toEqual(['serve', 'hash', 'main']);
});

test('a change has a direction in color and in text', () => {
  expect(change(120, 20)).toMatchObject({ sign: '+', text: '+20 %' });
  expect(change(50, -50)).toMatchObject({ ratio: -0.5, sign: '−', text: '−50 %' });
  expect(change(10, 10)).toMatchObject({ ratio: 1, text: 'new' });
  expect(change(0, -10)).toMatchObject({ ratio: -1, text: '−100 %' });
  expect(change(100, 95)).toMatchObject({ sign: '+', text: '×20' });
  expect(change(1000, 1)).toMatchObject({ ratio: 0, sign: '', text: '±0 %' });
  expect(change(0, 0).text).toBe('±0 %');
  const [, more, less, same] = layout([node(-1, '', 100), node(0, 'a', 50, 50, 25), node(0, 'b', 30, 30, -30), node(0, 'c', 20, 20, 0)]);
  expect([more, less, same].map((f) => color(f!, true, false)[0])).toEqual([8, 215, 210]);
  expect(color({ ...more!, delta: 50 }, true, false)[2]).toBeLessThan(color({ ...more!, delta: 5 }, true, false)[2]); // stronger
});

function luminance(r: number, g: number, b: number) {
  const [x, y, z] = [r, g, b].map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!;
}
function hsl([h, s, l]: [number, number, number]) {
  const part = (n: number) => {
    const k = (n + h / 30) % 12;
    return l / 100 - (s / 100) * Math.min(l / 100, 1 - l / 100) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return luminance(part(0), part(8), part(4));
}

test('text is readable on every color', () => {
  const text = { light: luminance(0x1b / 255, 0x20 / 255, 0x26 / 255), dark: luminance(0xe4 / 255, 0xe8 / 255, 0xec / 255) };
  const names = [...Array.from({ length: 500 }, (_, i) => `pkg${i}.f`), '[truncated]', 'libc.so.6 [unsymbolized]'];
  for (const dark of [false, true]) {
    const frames = [...layout([node(-1, '', 1), ...names.map((n) => node(0, n, 1))]).map((f) => color(f, false, dark)),
      ...[-100, -50, -1, 0, 1, 50, 100].map((delta) => color({ ...layout(tree)[1]!, total: 100, delta }, true, dark))];
    for (const c of frames) {
      const [a, b] = [hsl(c), dark ? text.dark : text.light];
      expect((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), `hsl ${c} ${dark}`).toBeGreaterThanOrEqual(4.5);
    }
  }
});

test('functions of one package share a color', () => {
  expect(['main.hash', 'main.(*T).Hash', 'github.com/a/b/pkg.(*T).M', 'github.com/a/b.F[go.shape.int]', 'std::vector<int>::push_back', 'com.example.shop.Cart.add', 'malloc'].map(packageOf))
    .toEqual(['main', 'main', 'github.com/a/b/pkg', 'github.com/a/b', 'std', 'com.example.shop', 'malloc']);
});

test('values in the unit of their samples', () => {
  expect([amount(1.5e9, 'nanoseconds'), amount(2048, 'bytes'), amount(12_345, 'count'), amount(3, 'objects'), amount(-2e6, 'ns')]).toEqual(['1.5 s', '2 KiB', '12.3 k', '3 objects', '−2 ms']);
  expect([difference(1e6, 'nanoseconds'), difference(-1024, 'bytes'), difference(0, 'count')]).toEqual(['+1 ms', '−1 KiB', '0']);
});

test('a baseline is the range before, or the same time earlier', () => {
  const range = { start: 1_000_000, end: 1_600_000, relative: '10m' };
  expect(baselineOf(range, 'before')).toEqual({ start: 400_000, end: 1_000_000, relative: '' });
  expect(baselineOf(range, '1m')).toEqual({ start: 940_000, end: 1_540_000, relative: '' });
  expect([null, '', 'soon', '0s'].map((t) => baselineOf(range, t))).toEqual([undefined, undefined, undefined, undefined]);
  expect([['alloc_space', 'cpu'], ['goroutine'], []].map(defaultType)).toEqual(['cpu', 'goroutine', '']);
});

test('the empty page has the commands of the documentation', () => {
  for (const command of [...sending, scraping]) expect(howTo).toContain(command);
});
