// Every state of the UI is a URL: the path names the page, the query its range, filters and selection.
export const route = $state({ path: location.pathname, query: new URLSearchParams(location.search) });

function sync() {
  route.path = location.pathname;
  route.query = new URLSearchParams(location.search);
}

export function go(url: string, replace = false) {
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  sync();
}

/** The present URL with some parameters changed; an empty value removes one. */
export function withQuery(changes: Record<string, string | string[] | undefined>, path = route.path): string {
  const query = new URLSearchParams(route.query);
  for (const [key, value] of Object.entries(changes)) {
    query.delete(key);
    for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(key, one);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function setQuery(changes: Record<string, string | string[] | undefined>, replace = false) {
  go(withQuery(changes), replace);
}

/** A link to another page that keeps the time range. */
export function link(path: string, query: Record<string, string | string[] | undefined> = {}): string {
  const kept = new URLSearchParams();
  for (const key of ['from', 'to']) {
    const value = route.query.get(key);
    if (value) kept.set(key, value);
  }
  for (const [key, value] of Object.entries(query)) {
    kept.delete(key);
    for (const one of Array.isArray(value) ? value : [value]) if (one) kept.append(key, one);
  }
  const text = kept.toString();
  return text ? `${path}?${text}` : path;
}

export function startRouter() {
  addEventListener('popstate', sync);
  addEventListener('click', (e) => {
    const a = (e.target as Element).closest?.('a');
    if (!a || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    if (a.origin !== location.origin || a.target || a.hasAttribute('download') || a.pathname.startsWith('/v1') || a.pathname === '/openapi.json') return;
    e.preventDefault();
    go(a.pathname + a.search);
    scrollTo(0, 0);
  });
}
