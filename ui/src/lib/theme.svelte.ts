// Dark or light: as the browser prefers, also when that changes, until it is chosen.
const key = 'tapio.theme';
const preference = matchMedia('(prefers-color-scheme: dark)');

export const theme = $state({ dark: (localStorage.getItem(key) ?? (preference.matches ? 'dark' : 'light')) === 'dark' });

// The document comes first: what follows the state reads its colors.
function apply(dark: boolean) {
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  theme.dark = dark;
}
apply(theme.dark);
preference.addEventListener('change', () => localStorage.getItem(key) ?? apply(preference.matches));

export function toggleTheme() {
  apply(!theme.dark);
  localStorage.setItem(key, theme.dark ? 'dark' : 'light');
}
