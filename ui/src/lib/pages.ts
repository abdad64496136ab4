// Which page a path opens. The scripts of pages other than the start page are loaded when they are opened.
import type { Component } from 'svelte';

export const parts = (path: string): string[] => path.split('/').filter(Boolean).map(decoded);

// A path may hold what decodes to nothing, such as /services/%.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The page of a path: one of something has a page of its own, and there is no list of services. */
export function pageOf(path: string): string {
  const [first = '', of] = parts(path);
  if (of && first === 'traces') return '/trace';
  if (of && first === 'incidents') return '/incident';
  return first === 'services' && !of ? '' : '/' + first;
}

const scripts: Record<string, () => Promise<{ default: Component<any> }>> = {
  '/incident': () => import('../pages/Incident.svelte'), '/incidents': () => import('../pages/Incidents.svelte'), '/map': () => import('../pages/Map.svelte'),
  '/services': () => import('../pages/Service.svelte'), '/logs': () => import('../pages/Logs.svelte'), '/kernel': () => import('../pages/Kernel.svelte'),
  '/traces': () => import('../pages/Traces.svelte'), '/trace': () => import('../pages/Trace.svelte'), '/profiles': () => import('../pages/Profiles.svelte'), '/metrics': () => import('../pages/Metrics.svelte'),
  '/alerts': () => import('../pages/Alerts.svelte'), '/slos': () => import('../pages/Slos.svelte'), '/fleet': () => import('../pages/Fleet.svelte'), '/status': () => import('../pages/Status.svelte'),
};

/** Begins to load the script of a page, undefined for the start page and where there is none. */
export const load = (page: string): Promise<{ default: Component<any> }> | undefined => scripts[page]?.();
