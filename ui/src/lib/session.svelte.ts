// Who uses the page: a token or user and password, kept for this tab only.
const key = 'tapio.authorization';

export const session = $state({
  authorization: sessionStorage.getItem(key) ?? '',
  refused: false, // the server asks for credentials
  wrong: false, // it did not accept those that it got
  offline: false,
});

export function logIn(authorization: string) {
  session.authorization = authorization;
  session.refused = session.wrong = false;
  sessionStorage.setItem(key, authorization);
}

export function logOut() {
  session.authorization = '';
  session.refused = true;
  session.wrong = false;
  sessionStorage.removeItem(key);
}

/** The server refused a request that had these credentials; those that the user has entered since stay. */
export function clearSession(refused: string) {
  if (refused !== session.authorization) return;
  const wrong = refused !== '' || session.wrong;
  logOut();
  session.wrong = wrong;
}

export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return 'Basic ' + btoa(String.fromCharCode(...bytes));
}
