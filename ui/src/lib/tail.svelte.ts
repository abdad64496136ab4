// The records that a page follows. What the store has evicted in the meantime arrives as a loss and is shown.
import type { Filter } from './api';
import { follow } from './live';
import { row, type Row } from './records';
import { clearSession, session } from './session.svelte';
import { noteSources } from './sources.svelte';
import type { TailMessage } from './tails';

export class Tail {
  rows = $state.raw<Row[]>([]);
  lost = $state(0);
  error = $state('');
  waiting = $state(0); // new records while paused
  #paused = $state(false);
  #held: Row[] = [];
  #leave = () => {};
  #keep = 10_000;

  start(filter: Filter, excludeEvents: boolean) {
    this.stop();
    this.rows = [];
    this.lost = 0;
    this.error = '';
    this.#held = [];
    this.waiting = 0;
    const { timeRange: _t, limit: _l, ...rest } = filter;
    const authorization = session.authorization;
    this.#leave = follow({ filter: rest, excludeEvents, authorization }, (m) => {
      if (m.kind === 'dropped') this.start(filter, excludeEvents);
      else if (m.kind === 'failed' && m.status === 401) clearSession(authorization);
      else this.#take(m);
    });
  }

  #take(m: Exclude<TailMessage, { kind: 'dropped' }>) {
    session.offline = m.kind === 'failed' && m.status === 0;
    this.error = m.kind === 'failed' ? m.message : '';
    if (m.kind !== 'records') return;
    this.lost += m.lost;
    if (m.notes.length) noteSources('stream', m);
    const fresh = m.logs.map(row).reverse();
    if (this.#paused) this.#held = [...fresh, ...this.#held].slice(0, this.#keep);
    else this.rows = [...fresh, ...this.rows].slice(0, this.#keep);
    this.waiting = this.#held.length;
  }

  /** While paused, the rows stay, and new ones wait. */
  get paused() {
    return this.#paused;
  }
  set paused(on: boolean) {
    this.#paused = on;
    if (on || !this.#held.length) return;
    this.rows = [...this.#held, ...this.rows].slice(0, this.#keep);
    this.#held = [];
    this.waiting = 0;
  }

  stop() {
    this.#leave();
    this.#leave = () => {};
  }
}
