// Time ranges and their text. A range in a URL is from=1h (the last hour), or from and to in RFC 3339.
import { route } from './router.svelte';
import { refresh } from './refresh.svelte';

export interface Range {
  start: number; // milliseconds since the epoch
  end: number;
  relative: string; // '' for an absolute range
}

export const prefs = $state({ utc: localStorage.getItem('tapio.zone') !== 'local' });

export function toggleZone() {
  prefs.utc = !prefs.utc;
  localStorage.setItem('tapio.zone', prefs.utc ? 'utc' : 'local');
}

const units: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

export function parseAge(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text);
  return match ? Number(match[1]) * units[match[2]!]! : undefined;
}

export function rangeOf(query: URLSearchParams, now: number): Range {
  const from = query.get('from') || '1h';
  const age = parseAge(from);
  if (age !== undefined) return { start: now - age, end: now, relative: from };
  const start = Date.parse(from);
  const end = Date.parse(query.get('to') ?? '') || now;
  if (Number.isNaN(start) || start >= end) return { start: now - 36e5, end: now, relative: '1h' };
  return { start, end, relative: '' };
}

/** The range of the page; it moves with each refresh while it is relative. */
export function currentRange(): Range {
  return rangeOf(route.query, refresh.now);
}

export function apiRange(r: Range) {
  return { start: new Date(r.start).toISOString(), end: new Date(r.end + (r.relative ? 5000 : 0)).toISOString() };
}

export function shifted(r: Range, direction: -1 | 1): Record<string, string> {
  const by = ((r.end - r.start) / 2) * direction;
  const end = Math.min(r.end + by, Date.now());
  return { from: new Date(end - (r.end - r.start)).toISOString(), to: new Date(end).toISOString() };
}

const pad = (n: number, width = 2) => String(n).padStart(width, '0');

function parts(ms: number, utc: boolean) {
  const d = new Date(ms);
  return utc
    ? [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(), d.getUTCMilliseconds()]
    : [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds()];
}

export function clock(ms: number, millis = false): string {
  const [, , , h, m, s, f] = parts(ms, prefs.utc) as number[];
  return `${pad(h!)}:${pad(m!)}:${pad(s!)}${millis ? '.' + pad(f!, 3) : ''}`;
}

export function stamp(ms: number, millis = false): string {
  const [y, mo, d] = parts(ms, prefs.utc) as number[];
  return `${y}-${pad(mo!)}-${pad(d!)} ${clock(ms, millis)}${prefs.utc ? ' UTC' : ''}`;
}

/** Time of day, with the date where it is not today's. */
export function shortTime(ms: number, now = Date.now()): string {
  return stamp(ms).slice(0, 10) === stamp(now).slice(0, 10) ? clock(ms) : stamp(ms).slice(5, 16);
}

export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.round((now - ms) / 1000);
  return seconds < 0 ? 'in ' + span(-seconds * 1e3) : span(seconds * 1e3) + ' ago';
}

/** A length of time for people: 350 µs, 1.3 s, 6 min 40 s, 3 h 10 min. */
export function span(ms: number): string {
  if (ms === 0) return '0 s';
  if (ms < 0.001) return Math.round(ms * 1e6) + ' ns';
  if (ms < 1) return trim(ms * 1e3) + ' µs';
  if (ms < 1e3) return trim(ms) + ' ms';
  if (ms < 6e4) return trim(ms / 1e3) + ' s';
  const steps: [number, string, number, string][] = [[36e5, 'min', 6e4, 's'], [864e5, 'h', 36e5, 'min'], [Infinity, 'd', 864e5, 'h']];
  for (const [below, big, size, small] of steps) {
    if (ms >= below) continue;
    const whole = Math.floor(ms / size);
    const rest = Math.floor((ms - whole * size) / (size === 864e5 ? 36e5 : size === 36e5 ? 6e4 : 1e3));
    return rest ? `${whole} ${big} ${rest} ${small}` : `${whole} ${big}`;
  }
  return '';
}

function trim(n: number): string {
  return String(Number(n.toPrecision(n >= 100 ? 3 : 2)));
}

/** Milliseconds of a protobuf duration, "1.5s". */
export function durationMs(text: string | undefined): number {
  return text ? Number.parseFloat(text) * 1e3 : 0;
}

/** Milliseconds of a protobuf timestamp or of nanoseconds as text. */
export function timeMs(text: string | number | undefined): number {
  if (!text) return 0;
  return typeof text === 'string' && text.includes('T') ? Date.parse(text) : Number(text) / 1e6;
}
