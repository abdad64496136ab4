// The one module that talks to the server: JSON of the gateway, see /openapi.json.
import { clearSession, session } from './session.svelte';
import { noteSources, type Sources } from './sources.svelte';
import { readLines, reason } from './ndjson';
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
  const authorization = session.authorization;
  const headers: Record<string, string> = authorization ? { Authorization: authorization } : {};
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
  if (response.status === 401) clearSession(authorization);
  throw new ApiError(response.status, await reason(response));
}

async function answer<T>(path: string, response: Response): Promise<T> {
  const value = (await response.json()) as T & Sources;
  noteSources(path, value);
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

/** Reads a stream of JSON lines to its end. Live tails are in tails.ts: no page holds a connection open. */
export async function lines<T>(path: string, body: unknown, each: (message: T) => void, signal?: AbortSignal): Promise<void> {
  await readLines<T & Sources>(await call('POST', path, body, signal), (message) => {
    if (message.notes?.length || message.sources?.length) noteSources('stream', message);
    each(message);
  });
}
