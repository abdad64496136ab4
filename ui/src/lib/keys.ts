// Keyboard: what `g` and a letter open, and what the keys of a page do.
export const goKeys: Record<string, string> = {
  n: '/', i: '/incidents', m: '/map', l: '/logs', k: '/kernel', t: '/traces', p: '/profiles', e: '/metrics', a: '/alerts', o: '/slos', f: '/fleet', s: '/status',
};

export const help: [string, string][] = [
  ['/', 'Put the cursor into the filter'],
  ['Ctrl K or ⌘ K', 'Go to a page, service or incident'],
  ['g n, i, m, l, k, t, p, e, a, o, f, s', 'Go to Now, Incidents, Map, Logs, Kernel, Traces, Profiles, Metrics, Alerts, SLOs, Fleet, Status'],
  ['j, k', 'Next and previous row'],
  ['Enter', 'Open the row'],
  ['Esc', 'Close, or leave a field'],
  ['[ and ]', 'Move the time range back and forth'],
  ['n, N', 'Next and previous hit (trace)'],
  ['f', 'Follow (logs, kernel)'],
  ['e', 'Errors only'],
  ['Arrows, Enter, Esc', 'Move, zoom, reset the zoom (flame graph); move, select, clear (heat map, with Shift to extend)'],
  ['+, -, Arrows, Esc', 'Zoom, move, show all (timeline of an incident)'],
  ['r', 'Load again'],
  ['v', 'Saved views'],
  ['?', 'This list'],
];

export function typing(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement | null;
  return !!t && (t.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(t.tagName));
}
