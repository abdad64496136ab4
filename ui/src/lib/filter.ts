// Conditions of a page, as the URL and the API write them: service=checkout, k!=v, k=~re, k exists.
import type { Filter, Selector } from './api';
import { apiRange, type Range } from './time.svelte';

const operators = ['!=', '=~', '!~', '>=', '<=', '=', '>', '<'];

export function parseSelector(text: string): Selector | undefined {
  const t = text.trim();
  if (!t) return undefined;
  const absent = /^!\s*([^\s=!<>~]+)$/.exec(t);
  if (absent) return { key: absent[1]!, operator: '!exists', values: [] };
  const at = operators.map((o) => [t.indexOf(o), o] as const).filter(([i]) => i > 0).sort((a, b) => a[0] - b[0] || b[1].length - a[1].length)[0];
  if (!at) return { key: t, operator: 'exists', values: [] };
  const value = t.slice(at[0] + at[1].length).trim().replace(/^"(.*)"$/, '$1');
  return { key: t.slice(0, at[0]).trim(), operator: at[1], values: [value] };
}

export function selectorText(key: string, operator: string, value: string): string {
  return key + operator + (/[",\s]/.test(value) ? JSON.stringify(value) : value);
}

export function filterOf(query: URLSearchParams, range: Range | undefined): Filter {
  const filter: Filter = {};
  const selectors = query.getAll('q').map(parseSelector).filter((s): s is Selector => s !== undefined);
  if (selectors.length) filter.labelSelectors = selectors;
  const services = query.getAll('service').filter(Boolean);
  if (services.length) filter.services = services;
  const text = query.get('text');
  if (text) filter.text = text;
  const severity = query.get('severity');
  if (severity) filter.minSeverity = ('SEVERITY_' + severity.toUpperCase()) as NonNullable<Filter['minSeverity']>;
  const events = query.getAll('event').filter(Boolean);
  if (events.length) filter.eventNames = events;
  if (range) filter.timeRange = apiRange(range);
  return filter;
}
