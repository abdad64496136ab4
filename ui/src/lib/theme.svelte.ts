// Dark or light: as the browser prefers, until it is chosen.
const key = 'tapio.theme';

export const theme = $state({ dark: (localStorage.getItem(key) ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark' });

// The document comes first: what follows the state reads its colors.
const apply = (dark: boolean) => (document.documentElement.dataset['theme'] = dark ? 'dark' : 'light');
apply(theme.dark);

export function toggleTheme() {
  localStorage.setItem(key, apply(!theme.dark));
  theme.dark = !theme.dark;
}
