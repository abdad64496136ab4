import { expect, test } from 'vitest';
import { exactText } from './exactcopy';

// The tests run without a document: as much of one as the function uses.
interface Node { tag?: string; text?: string; value?: string; children?: Node[] }
function fragment(root: Node): DocumentFragment {
  const all = (n: Node): Node[] => [n, ...(n.children ?? []).flatMap(all)];
  const textOf = (n: Node): string => n.text ?? (n.children ?? []).map(textOf).join('');
  const wrap = (n: Node): unknown => ({
    dataset: { value: n.value },
    get textContent() { return textOf(n); },
    set textContent(t: string) { n.text = t; n.children = []; },
    querySelectorAll: (s: string) => all(n).slice(1).filter((c) => (s === '[data-value]' ? c.value !== undefined : s.split(', ').includes(c.tag ?? ''))).map(wrap),
  });
  return wrap(root) as DocumentFragment;
}

test('cells are copied exactly, rows as lines with tabs', () => {
  const row = (name: string, value: string, text: string): Node => ({ tag: 'tr', children: [{ tag: 'td', text: ` ${name}\n ` }, { tag: 'td', value, children: [{ text }] }] });
  expect(exactText(fragment({ children: [row('checkout', '1312.5', '1.3 s'), row('payment', '0.0031', '0.3 %')] }))).toBe('checkout\t1312.5\npayment\t0.0031');
  expect(exactText(fragment({ children: [{ value: '4096', text: '4 KiB' }, { text: ' in use' }] }))).toBe('4096 in use');
});
