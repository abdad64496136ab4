// Who asks: a token or user and password, kept for this tab only.
const key = 'tapio.authorization';

export const session = $state({
  authorization: sessionStorage.getItem(key) ?? '',
  refused: false,
  offline: false,
});

export function credentials(): Record<string, string> {
  return session.authorization ? { Authorization: session.authorization } : {};
}

export function logIn(authorization: string) {
  session.authorization = authorization;
  session.refused = false;
  sessionStorage.setItem(key, authorization);
}

export function clearSession() {
  session.authorization = '';
  session.refused = true;
  sessionStorage.removeItem(key);
}

export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return 'Basic ' + btoa(String.fromCharCode(...bytes));
}
