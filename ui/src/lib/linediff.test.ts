import { describe, expect, it } from 'vitest';
import { hunks, lineDiff } from './linediff';

const text = (list: ReturnType<typeof hunks>) => list.map((l) => (l ? ({ same: ' ', added: '+', removed: '-' })[l.kind] + l.text : '…'));

describe('a difference of lines', () => {
  it('keeps what both have, in order', () => {
    expect(text(lineDiff('a\nb\nc\nd\n', 'a\nx\nc\nd\ne'))).toEqual([' a', '-b', '+x', ' c', ' d', '+e']);
    expect(text(lineDiff('', 'a\n'))).toEqual(['+a']);
    expect(text(lineDiff('a\n', ''))).toEqual(['-a']);
    expect(lineDiff('a\nb', 'a\nb\n').every((l) => l.kind === 'same')).toBe(true);
  });
  it('replaces what is too long to compare', () => {
    expect(text(lineDiff('a\nb\nc', 'x\nb\ny', 1))).toEqual(['-a', '-b', '-c', '+x', '+b', '+y']);
  });
  it('leaves out what is far from a change', () => {
    const before = Array.from({ length: 20 }, (_, i) => String(i));
    expect(text(hunks(lineDiff(before.join('\n'), before.map((l) => (l === '10' ? 'ten' : l)).join('\n')), 1))).toEqual([' 9', '-10', '+ten', ' 11']);
    expect(hunks(lineDiff('a', 'a'))).toEqual([]);
  });
});
