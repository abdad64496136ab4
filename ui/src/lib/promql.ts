// Where the cursor stands in an expression of PromQL, what may be written there, and answers as lines.
import type { Line } from './lines';

export const functions = ['abs', 'absent', 'avg', 'avg_over_time', 'bottomk', 'ceil', 'changes', 'clamp', 'clamp_max', 'clamp_min', 'count', 'count_over_time', 'count_values', 'delta', 'deriv', 'exp', 'floor', 'group', 'histogram_quantile',
  'histogram_avg', 'histogram_count', 'histogram_sum', 'increase', 'irate', 'label_join', 'label_replace', 'last_over_time', 'ln', 'log10', 'log2', 'max', 'max_over_time', 'min', 'min_over_time', 'predict_linear', 'quantile', 'quantile_over_time', 'rate',
  'resets', 'round', 'scalar', 'sort', 'sort_desc', 'sqrt', 'stddev', 'stddev_over_time', 'sum', 'sum_over_time', 'time', 'timestamp', 'topk', 'vector'];
export const words = ['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset', 'and', 'or', 'unless', 'bool'];

export type Place = { kind: 'name' | 'label'; from: number; word: string; metric: string } | { kind: 'value'; from: number; word: string; metric: string; label: string } | { kind: 'none' };

/** Where the cursor stands in an expression. */
export function place(text: string, cursor: number): Place {
  const before = text.slice(0, cursor);
  const quoted = /(?:^|[{,])\s*([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)$/.exec(before);
  const open = before.replace(/"(?:[^"\\]|\\.)*"/g, (s) => '_'.repeat(s.length));
  const brace = open.lastIndexOf('{');
  const metric = brace >= 0 ? (/([A-Za-z_:][\w:]*)\s*$/.exec(before.slice(0, brace))?.[1] ?? '') : '';
  if (brace > open.lastIndexOf('}') && quoted) return { kind: 'value', from: cursor - quoted[2]!.length, word: quoted[2]!, metric, label: quoted[1]! };
  if ((open.match(/"/g)?.length ?? 0) % 2) return { kind: 'none' };
  const word = /[A-Za-z_:][\w:]*$/.exec(open)?.[0] ?? '';
  const from = cursor - word.length;
  if (brace > open.lastIndexOf('}')) return /[{,]\s*$/.test(open.slice(0, from)) ? { kind: 'label', from, word, metric } : { kind: 'none' };
  if (/\b(?:by|without|on|ignoring|group_left|group_right)\s*\((?:\s*\w+\s*,)*\s*$/.test(open.slice(0, from))) return { kind: 'label', from, word, metric: '' };
  return word ? { kind: 'name', from, word, metric: '' } : { kind: 'none' };
}

export function matching(all: string[], word: string): string[] {
  const low = word.toLowerCase();
  const first = all.filter((o) => o.toLowerCase().startsWith(low));
  return [...first, ...all.filter((o) => !o.toLowerCase().startsWith(low) && o.toLowerCase().includes(low))].filter((o) => o !== word).slice(0, 12);
}

/** The expression with a completion in the place of what was written, and the cursor behind it. */
export function completed(text: string, cursor: number, at: Place, choice: string): { text: string; cursor: number } {
  if (at.kind === 'none') return { text, cursor };
  let put = choice;
  if (at.kind === 'value') put = choice.replace(/[\\"]/g, '\\$&') + (text[cursor] === '"' ? '' : '"');
  else if (at.kind === 'label' && at.metric) put = /^\s*[=!]/.test(text.slice(cursor)) ? choice : choice + '="';
  else if (at.kind === 'name' && functions.includes(choice)) put = choice + '(';
  return { text: text.slice(0, at.from) + put + text.slice(cursor), cursor: at.from + put.length };
}

/** A line with a gap where steps are missing. */
export function line(metric: Record<string, string>, values: [number, string][], stepMs: number, expression: string): Line {
  const { __name__: name, ...labels } = metric;
  const text = Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(', ');
  const times: number[] = [], numbers: number[] = [];
  for (const [t, v] of values) {
    const ms = Math.round(t * 1e3);
    if (times.length && ms - times.at(-1)! > stepMs * 1.5) {
      times.push(times.at(-1)! + stepMs);
      numbers.push(NaN);
    }
    times.push(ms);
    numbers.push(Number(v));
  }
  return { name: (name ?? '') + (text ? `{${text}}` : name ? '' : expression), times, values: numbers.map((n) => (Number.isFinite(n) ? n : (null as unknown as number))) };
}
