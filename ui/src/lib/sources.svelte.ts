// Sources of the answers of a page: tiers that they were read from, and what is missing, such as members of the server that could not be reached.
import type { components } from './openapi';

export type Note = components['schemas']['SourceNote'];

/** What answers of servers with tiers or members hold besides the records. */
export type Sources = { notes?: Note[]; sources?: string[] };

const state = $state<{ calls: Record<string, Note[]>; read: Record<string, string[]> }>({ calls: {}, read: {} });

/** Keeps what an answer reports of its sources, until the next answer to the same call. */
export function noteSources(call: string, { notes, sources }: Sources) {
  keep(state.calls, call, notes);
  keep(state.read, call, sources);
}

function keep<T>(all: Record<string, T[]>, call: string, list: T[] | undefined) {
  if (list?.length) all[call] = list;
  else if (all[call]) delete all[call];
}

export function forgetSources() {
  state.calls = {};
  state.read = {};
}

/** The tiers that the answers were read from, each once; none where the server has one store. */
export function readSources(read: Record<string, string[]> = state.read): string[] {
  return [...new Set(Object.values(read).flat())].sort((a, b) => a.localeCompare(b));
}

const words: Record<string, string> = { STATE_LATE: 'did not answer in time', STATE_FAILED: 'could not be reached', STATE_INCOMPLETE: 'is incomplete' };

/** Each source once, with what became of it. */
export function missingSources(calls: Record<string, Note[]> = state.calls): { source: string; text: string; message: string }[] {
  const found = new Map<string, { source: string; text: string; message: string }>();
  for (const n of Object.values(calls).flat()) {
    const source = n.source || 'a source';
    if (!found.has(source)) found.set(source, { source, text: words[n.state ?? ''] ?? 'is missing in part', message: n.message ?? '' });
  }
  return [...found.values()].sort((a, b) => a.source.localeCompare(b.source));
}
