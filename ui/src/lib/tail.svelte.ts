// Follows records: asks again after the last sequence, once a second, so that nothing is missed or repeated and no
// connection stays open. What the store has evicted in the meantime arrives as a loss and is shown.
import { lines, type Filter, type Log, type Loss } from './api';
import { row, type Row } from './records';

export class Tail {
  rows = $state.raw<Row[]>([]);
  lost = $state(0);
  error = $state('');
  waiting = $state(0); // new records while paused
  #paused = $state(false);
  #held: Row[] = [];
  #after = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;
  #keep = 10_000;

  start(filter: Filter, excludeEvents: boolean) {
    this.stop();
    this.rows = [];
    this.lost = 0;
    this.#held = [];
    this.waiting = 0;
    this.#after = '';
    const { timeRange: _t, limit: _l, ...rest } = filter;
    const ask = async () => {
      this.#abort = new AbortController();
      const signal = this.#abort.signal;
      try {
        const fresh: Row[] = [];
        const start = this.#after ? { afterSequence: this.#after } : { last: 200 };
        await lines<{ logs?: Log[]; loss?: Loss }>('/v1/logs:stream', { filter: rest, start, historyOnly: true, excludeEvents }, (m) => {
          if (m.loss) this.lost += Number(m.loss.count ?? 0);
          for (const log of m.logs ?? []) fresh.push(row(log));
        }, signal);
        if (signal.aborted) return;
        this.error = '';
        const last = fresh.at(-1);
        if (last) {
          this.#after = last.sequence;
          fresh.reverse();
          if (this.#paused) this.#held = [...fresh, ...this.#held].slice(0, this.#keep);
          else this.rows = [...fresh, ...this.rows].slice(0, this.#keep);
          this.waiting = this.#held.length;
        }
      } catch (e) {
        if (signal.aborted) return;
        this.error = e instanceof Error ? e.message : String(e);
      }
      this.#timer = setTimeout(ask, document.hidden ? 5000 : 1000);
    };
    void ask();
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
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }
}
