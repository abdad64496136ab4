// Patterns of log records: what many of them have in common, with <*> for what differs.
import type { Row } from './records';
import type { Level } from './otlp';

export interface Pattern {
  template: string;
  service: string;
  level: Level; // the most severe of its records
  count: number; // of all records, by estimate where only some were read
  trend: number[]; // the same by bucket
  example: Row;
}

interface Cluster extends Pattern { words: string[] }

const variable = /^[^\p{L}]*$|\d.*\d|^\W*(?:0x)?[\da-f]{6,}\W*$|\d/iu;
const any = '<*>';
const maxWords = 60;

/** The words of a text; those that hold figures differ from record to record. */
export function words(text: string): string[] {
  const quoted = text.replace(/"[^"]*"|'[^']*'/g, (q) => (/\s/.test(q) && q.length > 2 ? any : q));
  const all = quoted.trim().split(/\s+/).slice(0, maxWords);
  return all.map((w) => {
    const pair = /^([\p{L}_.-]+[=:])(.+)$/u.exec(w);
    if (pair) return pair[1]! + (variable.test(pair[2]!) ? any : pair[2]!);
    return variable.test(w) && /[\p{L}\p{N}]/u.test(w) ? any : w;
  });
}

const severity: Level[] = ['none', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** How alike two lists of words of one length are, 0 to 1. */
function likeness(a: string[], b: string[]): number {
  return a.reduce((n, w, i) => n + (w === b[i] ? 1 : 0), 0) / a.length;
}

/**
 * Finds the patterns of rows, each with its bucket and how many records it stands for. Texts of one service and length whose first
 * words are the same belong together if at least 60 % of their words are.
 */
export function patterns(rows: { row: Row; bucket: number; weight: number }[], buckets: number): Pattern[] {
  const groups = new Map<string, Cluster[]>();
  for (const { row, bucket, weight } of rows) {
    const of = words(row.body || row.event);
    const key = [row.service, of.length, of[0]].join('\u0000');
    const known = groups.get(key) ?? [];
    let cluster: Cluster | undefined, best = 0.6;
    for (const c of known) {
      const alike = likeness(c.words, of);
      if (alike >= best) [cluster, best] = [c, alike];
    }
    if (!cluster) {
      cluster = { words: of, template: '', service: row.service, level: row.level, count: 0, trend: new Array(buckets).fill(0), example: row };
      groups.set(key, [...known, cluster]);
    } else if (best < 1) cluster.words = cluster.words.map((w, i) => (w === of[i] ? w : any));
    if (severity.indexOf(row.level) > severity.indexOf(cluster.level)) [cluster.level, cluster.example] = [row.level, row];
    cluster.count += weight;
    cluster.trend[bucket]! += weight;
  }
  return [...groups.values()].flat().map(({ words: of, ...p }) => ({ ...p, template: of.join(' ').replace(/<\*>(?: <\*>)+/g, any) })).sort((a, b) => b.count - a.count);
}

/** The longest text that all records of a pattern have, to search for. */
export function fixedText(template: string): string {
  return template.split(any).map((t) => t.trim()).sort((a, b) => b.length - a.length)[0] ?? '';
}

/** Whether records of a pattern are only in the last third of the range, where others are earlier. */
export function isNew(p: Pattern, all: Pattern[]): boolean {
  const first = (trend: number[]) => trend.findIndex((n) => n > 0);
  const begin = Math.min(...all.map((o) => first(o.trend)).filter((i) => i >= 0));
  return first(p.trend) - begin >= Math.max(2, ((p.trend.length - begin) * 2) / 3);
}
