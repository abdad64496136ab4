// Figures and foreign text, made readable.

/** A number for people: 3 significant digits, thousands grouped, k and M from 10,000. */
export function number(n: number): string {
  if (!Number.isFinite(n)) return '–';
  const size = Math.abs(n);
  if (size >= 1e9) return short(n / 1e9) + ' G';
  if (size >= 1e6) return short(n / 1e6) + ' M';
  if (size >= 1e4) return short(n / 1e3) + ' k';
  return short(n);
}

function short(n: number): string {
  if (n === 0) return '0';
  const rounded = Number(n.toPrecision(3));
  return Math.abs(rounded) >= 1000 ? rounded.toLocaleString('en-US') : String(rounded);
}

export function count(n: number | string | undefined): string {
  return Number(n ?? 0).toLocaleString('en-US');
}

export function bytes(n: number): string {
  for (const [size, unit] of [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']] as const) {
    if (Math.abs(n) >= size) return short(n / size) + ' ' + unit;
  }
  return short(n) + ' B';
}

export function percent(ratio: number): string {
  const p = ratio * 100;
  if (p === 0) return '0 %';
  if (p < 0.1) return '< 0.1 %';
  return (p < 1 ? p.toFixed(1) : p > 99 && p < 100 ? '> 99' : String(Math.round(p))) + ' %';
}

/** A value in a UCUM unit. */
export function withUnit(n: number, unit: string): string {
  if (unit === 'By') return bytes(n);
  if (unit === '1' || unit === '' || unit.startsWith('{')) return number(n);
  if (unit === 's') return n !== 0 && Math.abs(n) < 1 ? number(n * 1e3) + ' ms' : number(n) + ' s';
  return number(n) + ' ' + unit;
}

// Control and bidirectional characters are shown as symbols, so that record text cannot disguise itself.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

export function visible(text: string): string {
  return text.replace(hidden, (c) => {
    const code = c.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

/** Hues of names on one chart: each its own, moved on where two would look alike, as far as a chart can be read by color. */
export function hues(names: string[]): Map<string, number> {
  if (names.length > 24) return new Map(names.map((n) => [n, hue(n)]));
  const found = new Map<string, number>();
  const gap = Math.min(30, 200 / names.length);
  for (const name of [...names].sort()) {
    let h = hue(name);
    const near = (of: number) => [...found.values()].some((other) => Math.abs(((of - other + 540) % 360) - 180) < gap);
    for (let tries = 0; near(h) && tries < 360; tries++) h = (h + 7) % 360;
    found.set(name, h);
  }
  return found;
}

/** A colour of its own for each service, the same on every page. */
export function hue(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return (h >>> 0) % 360;
}
