// Live tails of all tabs of a browser. HTTP/1.1 allows six connections to a server, so tabs that each hold a stream open
// starve all others. Tabs with the same conditions share one tail; one tail that a user watches has the stream, the others
// are polled one after the other, over one more connection. Runs in the SharedWorker, or in a tab without one.
import type { Filter, Log, Loss } from './api';
import type { Note } from './sources.svelte';
import { readLines, reason } from './ndjson';

export interface TailRequest {
  filter: Filter;
  excludeEvents: boolean;
  authorization: string;
}

export type TailMessage =
  | { kind: 'records'; logs: Log[]; lost: number; notes: Note[] } // in the order of the store
  | { kind: 'answered' } // the server answers, after it did not
  | { kind: 'failed'; status: number; message: string } // status 0: the server does not answer
  | { kind: 'dropped' }; // the tab did not respond for long; it may start again

export interface Reader {
  send: (message: TailMessage) => void;
  hidden: boolean;
}

interface StreamMessage { logs?: Log[]; loss?: Loss; notes?: Note[]; resumeToken?: string; caughtUp?: boolean }

/** An answer other than 2xx. */
class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export const backlog = 200; // records that a new reader begins with
const mostTails = 64;
const pollEvery = 1000;
const pollHidden = 5000;
const longestPoll = 60_000;
const buffered = 5000; // a stream that has not sent its first message by then is held back by a proxy

/** One tail for all readers with the same conditions and credentials. */
class SharedTail {
  readonly readers = new Set<Reader>();
  readonly #tails: Tails;
  readonly #request: TailRequest;
  #token = '';
  #recent: Log[] = [];
  #failed: (TailMessage & { kind: 'failed' }) | undefined;
  #abort = new AbortController();
  #streams = true; // until a proxy turns out to hold streams back
  #ended = false;
  #wake = () => {};

  constructor(tails: Tails, request: TailRequest) {
    this.#tails = tails;
    this.#request = request;
  }

  join(reader: Reader) {
    this.readers.add(reader);
    if (this.#recent.length) reader.send({ kind: 'records', logs: this.#recent, lost: 0, notes: [] });
    if (this.#failed) reader.send(this.#failed);
  }

  get watched(): boolean {
    return [...this.readers].some((r) => !r.hidden);
  }

  /** A reader came into sight or went out of it. */
  look() {
    if (this.watched) this.#wake();
    else if (this.#tails.streaming === this) this.#abort.abort();
  }

  end() {
    this.#ended = true;
    this.#abort.abort();
    this.#wake();
  }

  async run() {
    while (!this.#ended) {
      this.#abort = new AbortController();
      const stream = this.#streams && this.watched && this.#tails.takeStream(this);
      try {
        if (stream) await this.#stream();
        else await this.#tails.inTurn(() => (this.#ended ? Promise.resolve() : this.#poll()));
      } catch (e) {
        if (!this.#ended && !this.#abort.signal.aborted) this.#fail(e);
      } finally {
        if (stream) this.#tails.giveStream(this);
      }
      if (!this.#ended) await this.#pause(this.watched ? pollEvery : pollHidden);
    }
  }

  async #stream() {
    const late = setTimeout(() => {
      this.#streams = false;
      this.#abort.abort();
    }, buffered);
    try {
      await this.#ask(false, () => clearTimeout(late));
    } finally {
      clearTimeout(late);
    }
  }

  async #poll() {
    const late = setTimeout(() => this.#abort.abort(), longestPoll);
    try {
      await this.#ask(true, () => {});
    } finally {
      clearTimeout(late);
    }
  }

  async #ask(historyOnly: boolean, first: () => void) {
    const { filter, excludeEvents, authorization } = this.#request;
    const where = this.#token ? { resumeToken: this.#token } : { start: { last: backlog } };
    const response = await this.#tails.ask('/v1/logs:stream', {
      method: 'POST', signal: this.#abort.signal, headers: { 'Content-Type': 'application/json', ...(authorization ? { Authorization: authorization } : {}) },
      body: JSON.stringify({ filter, excludeEvents, historyOnly, reportPosition: true, ...where }),
    });
    if (!response.ok) throw new Refusal(response.status, await reason(response));
    await readLines<StreamMessage>(response, (m) => {
      first();
      this.#take(m);
    });
  }

  #take(m: StreamMessage) {
    if (m.resumeToken) this.#token = m.resumeToken;
    const logs = m.logs ?? [], lost = Number(m.loss?.count ?? 0), notes = m.notes ?? [];
    this.#recent = [...this.#recent, ...logs].slice(-backlog);
    if (this.#failed) {
      this.#failed = undefined;
      this.#send({ kind: 'answered' });
    }
    if (logs.length || lost || notes.length) this.#send({ kind: 'records', logs, lost, notes });
  }

  #fail(e: unknown) {
    // fetch fails with a TypeError where there is no answer, and so does a stream that breaks off.
    const status = e instanceof Refusal ? e.status : e instanceof TypeError ? 0 : 500;
    this.#failed = { kind: 'failed', status, message: status ? (e as Error).message : 'The server does not answer.' };
    this.#send(this.#failed);
  }

  #send(message: TailMessage) {
    for (const r of this.readers) r.send(message);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}

export class Tails {
  streaming: SharedTail | undefined;
  #shared = new Map<string, SharedTail>();
  #turn: Promise<unknown> = Promise.resolve();

  /** Without `stream` no connection stays open: all tails are polled. */
  constructor(readonly stream: boolean, readonly ask: (path: string, init: RequestInit) => Promise<Response> = (path, init) => fetch(path, init)) {}

  /** Sends the newest records and those that follow to a reader, until the function that it returns is called. */
  join(request: TailRequest, reader: Reader): () => void {
    const key = JSON.stringify([request.authorization, request.excludeEvents, request.filter]);
    let tail = this.#shared.get(key);
    const known = tail !== undefined;
    if (!tail) {
      if (this.#shared.size >= mostTails) {
        reader.send({ kind: 'failed', status: 429, message: `This browser follows ${mostTails} different selections of records, as many as it may: close a tab that follows others.` });
        return () => {};
      }
      tail = new SharedTail(this, request);
      this.#shared.set(key, tail);
    }
    tail.join(reader);
    if (!known) void tail.run();
    const joined = tail;
    return () => {
      joined.readers.delete(reader);
      if (joined.readers.size) return joined.look();
      if (this.#shared.get(key) === joined) this.#shared.delete(key);
      joined.end();
    };
  }

  /** To be called when a reader's hidden has changed. */
  look() {
    for (const tail of this.#shared.values()) tail.look();
  }

  takeStream(tail: SharedTail): boolean {
    if (!this.stream || this.streaming) return false;
    this.streaming = tail;
    return true;
  }

  giveStream(tail: SharedTail) {
    if (this.streaming === tail) this.streaming = undefined;
  }

  /** Runs polls one after the other. */
  inTurn(poll: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(poll);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}
