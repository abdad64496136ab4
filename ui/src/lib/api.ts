// The one module that talks to the server: JSON of the gateway, see /openapi.json.
import { clearSession, credentials, session } from './session.svelte';
import { noteSources, type Note } from './sources.svelte';
import type { components } from './openapi';

type Schemas = components['schemas'];
export type Log = Schemas['v1.Event'];
export type Group = Schemas['SemanticGroup'];
export type Insight = Schemas['Insight'];
export type Trace = Schemas['Trace'];
export type Timeline = Schemas['GetTraceTimelineResponse'];
export type TimelineSpan = NonNullable<Timeline['spans']>[number];
export type Series = Schemas['MetricSeries'];
export type Info = Schemas['GetServiceInfoResponse'];
export type Health = Schemas['HealthCheckResponse'];
export type Collector = Schemas['Collector'];
export type Loss = Schemas['Loss'];
export type Evidence = Schemas['EvidenceRef'];
export type Entity = Schemas['Entity'];
export type Filter = Schemas['Filter'];
export type Selector = NonNullable<Filter['labelSelectors']>[number];
export type Action = Schemas['RecommendedAction'];

/** An answer other than 2xx; message is the server's and names the field and the fix. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

// Requests under way: a page is not loaded again while it waits for its last answers.
let waiting = 0;
export const pending = (): number => waiting;

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { ...credentials() };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  waiting++;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null });
  } catch (e) {
    if (signal?.aborted) throw e;
    session.offline = true;
    throw new ApiError(0, 'The server does not answer.');
  } finally {
    waiting--;
  }
  session.offline = false;
  if (response.ok) return response;
  if (response.status === 401) clearSession();
  throw new ApiError(response.status, await reason(response));
}

async function reason(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text || response.statusText;
  }
}

async function answer<T>(path: string, response: Response): Promise<T> {
  const value = (await response.json()) as T & { notes?: Note[] };
  noteSources(path, value.notes);
  return value;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer(path, await call('GET', path, undefined, signal));
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return answer(path, await call('POST', path, body, signal));
}

export async function put<T>(path: string, body: unknown): Promise<T> {
  return (await call('PUT', path, body)).json() as Promise<T>;
}

/**
 * Reads a stream of JSON lines to its end. Live views ask again after the last sequence instead of holding a
 * connection open: HTTP/1.1 gives a browser six connections to a server, so open streams starve other tabs.
 */
export async function lines<T>(path: string, body: unknown, each: (message: T) => void, signal?: AbortSignal): Promise<void> {
  const response = await call('POST', path, body, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += value ?? '';
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.trim()) each(unwrap<T>(part));
    if (done) {
      if (rest.trim()) each(unwrap<T>(rest));
      return;
    }
  }
}

function unwrap<T>(line: string): T {
  const message = JSON.parse(line) as { result?: T & { notes?: Note[] }; error?: { message?: string } };
  if (message.error) throw new ApiError(500, message.error.message ?? 'the stream failed');
  if (message.result?.notes?.length) noteSources('stream', message.result.notes);
  return message.result as T;
}
