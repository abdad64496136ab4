// Incidents as pages show them.
import type { Collector, Entity, Group } from './api';
import { selectorText } from './filter';
import { percent } from './format';
import { timeMs } from './time.svelte';

export type Phase = 'open' | 'recovering' | 'resolved' | 'merged' | 'unknown';

// States are matched by their words, so that newer servers may name more of them.
export function phase(g: Group): Phase {
  const state = String(g.state ?? '');
  if (/MERGED/.test(state)) return 'merged';
  if (/RECOVER/.test(state)) return 'recovering';
  if (/CLOSED|RESOLVED/.test(state)) return 'resolved';
  if (/OPEN|GROWING|REOPENED/.test(state)) return 'open';
  return 'unknown';
}

export function isObservation(g: Group): boolean {
  return /OBSERVATION|CHANGE/.test(String((g as { kind?: string }).kind ?? ''));
}

export const isHealthy = (c: Collector): boolean => c.state === 'STATE_HEALTHY';

export function since(g: Group): number {
  return timeMs(g.timeRange?.start);
}

export function lasted(g: Group, now: number): number {
  const end = phase(g) === 'resolved' || phase(g) === 'merged' ? timeMs(g.timeRange?.end) : now;
  return Math.max(0, end - since(g));
}

export function causeName(g: Group): string {
  return g.rootCause?.causalFactors?.[0]?.entity?.name ?? '';
}

/** Where the pages show more of an entity: a service or a peer has a page, other things label the records of a page. */
export function placeOf(e: Entity | undefined): [path: string, query: Record<string, string>] {
  const name = e?.name ?? '';
  if (e?.kind === 'KIND_NODE') return ['/logs', { q: selectorText('host.name', '=', name) }];
  if (e?.kind === 'KIND_POD') return ['/logs', { q: selectorText('k8s.pod.name', '=', name) }];
  return ['/services/' + encodeURIComponent(name), {}];
}

export const word = (value: string | undefined, prefix: string) => String(value ?? '').replace(prefix, '').toLowerCase().replaceAll('_', ' ');

/** How sure the cause is, 0 to 1; undefined where no cause is known. */
export const sure = (g: Group): number | undefined => g.rootCause?.confidence ?? g.confidence;

/** The cause is a guess: what the incident affects may be the effect of another one. */
const guessed = (g: Group): boolean => (sure(g) ?? 1) < 0.02;

export function severity(g: Group): 'error' | 'warn' | 'ok' {
  const at = phase(g);
  if (at !== 'open' && at !== 'recovering' && at !== 'unknown') return 'ok';
  return /HIGH|CRITICAL/.test(String(g.impact?.level ?? '')) && !guessed(g) ? 'error' : 'warn';
}

/** Those whose cause is sure and whose impact is high first; of equal ones the earlier, which the later may be effects of. */
export function byWeight(a: Group, b: Group): number {
  const level = (g: Group) => ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'].findIndex((l) => String(g.impact?.level ?? '').endsWith(l)) + 2;
  const weight = (g: Group) => (sure(g) ?? 0.5) * level(g);
  return weight(b) - weight(a) || since(a) - since(b);
}

/** How many are open, and how many of them are severe: "1 open incident, severe.", "3 open incidents, 2 of them severe." */
export function openText(open: Group[]): string {
  const severe = open.filter((g) => severity(g) === 'error').length;
  const of = severe === 0 ? '' : severe < open.length ? `, ${severe} of them severe` : open.length > 2 ? ', all severe' : open.length === 2 ? ', both severe' : ', severe';
  return `${open.length} open incident${open.length === 1 ? '' : 's'}${of}.`;
}

/** Marks of a state, beside its word. */
export const stateIcon = (g: Group): string => ({ open: '●', recovering: '◐' } as Record<string, string>)[phase(g)] ?? '○';

/** The operation that is affected most, in one sentence: "24 % of storefront POST /orders fail, 76 % are slow."; '' where none is known. */
export function worstImpact(groups: Group[]): string {
  const hit = (o: { errorRatio?: number; slowRatio?: number }) => (o.errorRatio ?? 0) + (o.slowRatio ?? 0);
  const worst = groups.filter((g) => !guessed(g)).flatMap((g) => g.impact?.operations ?? []).sort((a, b) => hit(b) - hit(a))[0];
  if (!worst || hit(worst) < 0.001) return '';
  const name = [worst.service, worst.operation].filter(Boolean).join(' ');
  const parts = [];
  if ((worst.errorRatio ?? 0) >= 0.001) parts.push(`${percent(worst.errorRatio ?? 0)} of ${name} fail`);
  if ((worst.slowRatio ?? 0) >= 0.001) parts.push(parts.length ? `${percent(worst.slowRatio ?? 0)} are slow` : `${percent(worst.slowRatio ?? 0)} of ${name} are slow`);
  return parts.join(', ') + '.';
}
