// Views that the user has saved: names for URLs, kept by this browser.
const key = 'tapio.views';

export interface View { name: string; url: string }

function read(): View[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(list) ? list.filter((v): v is View => typeof v?.name === 'string' && typeof v?.url === 'string' && v.url.startsWith('/')) : [];
  } catch {
    return [];
  }
}

export const views = $state<{ list: View[] }>({ list: read() });

function keep(list: View[]) {
  views.list = list.sort((a, b) => a.name.localeCompare(b.name));
  localStorage.setItem(key, JSON.stringify(views.list));
}

/** Saves a URL under a name; one of that name is replaced. */
export const saveView = (name: string, url: string) => keep([...views.list.filter((v) => v.name !== name), { name, url }]);
export const removeView = (name: string) => keep(views.list.filter((v) => v.name !== name));

// Another tab may have saved one.
export const followViews = () => addEventListener('storage', (e) => e.key === key && (views.list = read()));
