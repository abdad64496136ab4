// Sources that are missing from the answers of a page, such as members of the server that could not be reached.
import type { components } from './openapi';

export type Note = components['schemas']['SourceNote'];

const state = $state<{ calls: Record<string, Note[]> }>({ calls: {} });

/** Keeps what an answer reports of its sources, until the next answer to the same call. */
export function noteSources(call: string, notes: Note[] | undefined) {
  if (notes?.length) state.calls[call] = notes;
  else if (state.calls[call]) delete state.calls[call];
}

export function forgetSources() {
  state.calls = {};
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
