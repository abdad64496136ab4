import { untrack } from 'svelte';
import { ApiError } from './api';
import { session } from './session.svelte';

/** What a page asks the server for: the last answer stays while the next one is on its way. */
export class Load<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state('');
  busy = $state(true);
  #abort: AbortController | undefined;

  constructor(initial?: T) {
    this.value = initial;
  }

  /** Asks for a value. Where there is none yet, the first part of it, which comes sooner, is shown until all is there. */
  async run(ask: (signal: AbortSignal) => Promise<T>, part?: (signal: AbortSignal) => Promise<T>) {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.busy = true;
    try {
      // Not as something that the effect depends on which asks.
      if (part && untrack(() => this.value === undefined)) {
        const first = await part(abort.signal);
        if (abort.signal.aborted) return;
        this.value = first;
      }
      const value = await ask(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
      this.error = '';
    } catch (e) {
      if (abort.signal.aborted) return;
      this.error = e instanceof ApiError && e.status === 401 && session.refused ? '' : e instanceof Error ? e.message : String(e);
    } finally {
      if (this.#abort === abort) this.busy = false;
    }
  }

  stop() {
    this.#abort?.abort();
  }
}
