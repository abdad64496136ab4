// Alerts of rules, burn alerts of objectives, silences and receivers, as the pages Alerts and SLOs show them.
import type { components } from './openapi';
import { durationMs, span } from './time.svelte';

type Schemas = components['schemas'];
export type Silence = Schemas['Silence'];
export type Matcher = Schemas['AlertMatcher'];
export type Receiver = Schemas['NotificationReceiver'];
export type SLO = Schemas['SLO'];
export type Burn = NonNullable<SLO['burnRates']>[number];

/** A rule of the Prometheus API. */
export interface Rule {
  name: string;
  query: string;
  type: 'alerting' | 'recording';
  state?: 'firing' | 'pending' | 'inactive';
  duration?: number;
  health?: string;
  lastError?: string;
  labels?: Record<string, string>;
  alerts?: Alert[];
}
export interface Alert { labels: Record<string, string>; annotations?: Record<string, string>; state: string; activeAt?: string; value?: string }
export interface RuleGroup { name: string; file?: string; interval?: number; rules: Rule[] }

const operators = [['!~', 'OPERATOR_NOT_MATCHING'], ['=~', 'OPERATOR_MATCHES'], ['!=', 'OPERATOR_NOT_EQUAL'], ['=', 'OPERATOR_EQUAL']] as const;

/** Reads conditions such as: service=checkout severity=~"error|fatal". */
export function parseMatchers(text: string): Matcher[] {
  const found: Matcher[] = [];
  const one = /\s*,?\s*([\w.]+)\s*(!~|=~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    one.lastIndex = at;
    const m = one.exec(text);
    if (!m) throw new Error(`Not a condition: ${text.slice(at).trim()}. Write label=value, label!=value, label=~expression or label!~expression; put values with spaces in quotes.`);
    found.push({ name: m[1]!, operator: operators.find(([sign]) => sign === m[2])![1], value: m[3] !== undefined ? m[3].replace(/\\(.)/g, '$1') : m[4]! });
    at = one.lastIndex;
  }
  if (found.length === 0) throw new Error('Write at least one condition, such as service=checkout.');
  return found;
}

export function matcherText(m: Matcher): string {
  const sign = operators.find(([, name]) => name === m.operator)?.[0] ?? '=';
  const value = m.value ?? '';
  return m.name + sign + (/^[^\s,"]+$/.test(value) ? value : '"' + value.replace(/[\\"]/g, '\\$&') + '"');
}

/** The conditions that select one alert: its labels, without those that Prometheus adds. */
export function alertMatchers(labels: Record<string, string>): string {
  return Object.entries(labels).filter(([name]) => !name.startsWith('__')).map(([name, value]) => matcherText({ name, operator: 'OPERATOR_EQUAL', value })).join(' ');
}

export function objective(s: SLO): string {
  const target = Number(((s.target ?? 0) * 100).toFixed(4)) + ' %';
  return s.type === 'TYPE_LATENCY' ? `${target} within ${span(durationMs(s.threshold))}` : `${target} succeed`;
}

export function firing(s: SLO): Burn[] {
  return (s.burnRates ?? []).filter((b) => b.firing);
}

/** When the first of some burn alerts began to fire, in milliseconds; 0: not known. */
export function firstFiring(burns: Burn[]): number {
  const times = burns.map((b) => Date.parse(b.firingSince ?? '')).filter((t) => t > 0);
  return times.length ? Math.min(...times) : 0;
}

/** Those with a burn alert that fires first, then by what is left of the budget. */
export function worstFirst(list: SLO[]): SLO[] {
  return [...list].sort((a, b) => firing(b).length - firing(a).length || (a.budgetRemaining ?? 0) - (b.budgetRemaining ?? 0) || (a.service ?? '').localeCompare(b.service ?? ''));
}
