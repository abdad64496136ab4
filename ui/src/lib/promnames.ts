// Names and conditions as the Prometheus API writes them.
import type { Selector } from './api';

const plain = (name: string) => name.replace(/[^A-Za-z0-9_:]/g, '_');
const quoted = (text: string) => JSON.stringify(text);

/** The name that the Prometheus API has for a histogram: the metric's with the unit behind it. */
export function seriesName(metric: string, names: string[], suffix: '' | '_bucket'): string | undefined {
  const base = plain(metric);
  return names.filter((n) => n === base + suffix || (n.startsWith(base + '_') && n.endsWith(suffix) && /^_(?:seconds|bytes|milliseconds|microseconds|nanoseconds|ratio|percent|celsius|meters|[a-z]+_per_second)$/.test(n.slice(base.length, suffix ? -suffix.length : undefined))))
    .sort((a, b) => a.length - b.length)[0];
}

const operators: Record<string, string> = { '=': '=', '!=': '!=', '=~': '=~', '!~': '!~' };

/** Conditions of the page as matchers of PromQL. Comparisons of figures have none. */
export function matchers(selectors: Selector[], services: string[]): string {
  const of = (s: Selector): string => {
    const key = plain(s.key ?? ''), value = s.values?.[0] ?? '';
    if (s.operator === 'exists' || s.operator === '!exists') return `${key}${s.operator === 'exists' ? '!=' : '='}""`;
    const operator = operators[s.operator ?? ''];
    if (!operator) return '';
    if (!/^service(?:\.name)?$/.test(s.key ?? '')) return `${key}${operator}${quoted(value)}`;
    const name = operator.endsWith('~') ? `(?:${value})` : escape(value);
    return `job${operator.startsWith('!') ? '!~' : '=~'}${quoted(`(?:.*/)?${name}`)}`;
  };
  const all = selectors.map(of);
  if (services.length) all.push(`job=~${quoted(`(?:.*/)?(?:${services.map(escape).join('|')})`)}`);
  return all.filter(Boolean).join(',');
}
const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
