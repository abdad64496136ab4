// Reading OTLP/JSON values.
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
}
export interface KeyValue {
  key?: string;
  value?: AnyValue;
}

export function text(v: AnyValue | undefined): string {
  if (!v) return '';
  if (v.stringValue !== undefined) return v.stringValue;
  if (v.arrayValue || v.kvlistValue) return JSON.stringify(plain(v));
  return String(v.boolValue ?? v.intValue ?? v.doubleValue ?? v.bytesValue ?? '');
}

function plain(v: AnyValue | undefined): unknown {
  if (v?.arrayValue) return (v.arrayValue.values ?? []).map(plain);
  if (v?.kvlistValue) return Object.fromEntries((v.kvlistValue.values ?? []).map((kv) => [kv.key, plain(kv.value)]));
  return v ? text(v) : null;
}

export function attribute(list: KeyValue[] | undefined, key: string): string {
  return text(list?.find((kv) => kv.key === key)?.value);
}

const severities: Record<string, number> = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 };

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'none';

/** The class of a severity number, given as a number or by its OTLP name. */
export function level(severity: string | number | undefined): Level {
  const named = /^SEVERITY_NUMBER_([A-Z]+)(\d?)$/.exec(String(severity ?? ''));
  const n = named ? (severities[named[1]!] ?? 0) + Math.max(0, Number(named[2] || 1) - 1) : Number(severity ?? 0);
  if (!n) return 'none';
  return (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)[Math.min(5, Math.floor((n - 1) / 4))]!;
}
