// Follows records through the SharedWorker of all tabs. A browser without one, or in which it does not start, polls in the tab.
import { Tails, type Reader, type TailMessage, type TailRequest } from './tails';
import type { FromTab, ToTab } from '../tails.worker';

const longestStart = 5000;
let own: Tails | undefined;

/** Hands over messages until the function that it returns is called. */
export function follow(request: TailRequest, take: (message: TailMessage) => void): () => void {
  const reader: Reader = { send: take, hidden: document.hidden };
  let leave = () => {};
  const inThisTab = () => {
    own ??= new Tails(false);
    leave = own.join(request, reader);
  };
  const worker = connect();
  if (!worker) inThisTab();
  else leave = overWorker(worker, request, take, inThisTab);

  const seen = () => {
    reader.hidden = document.hidden;
    own?.look();
  };
  // A page that the browser keeps for the back button begins again when it is shown.
  const away = () => leave();
  const back = (e: PageTransitionEvent) => e.persisted && take({ kind: 'dropped' });
  addEventListener('visibilitychange', seen);
  addEventListener('pagehide', away);
  addEventListener('pageshow', back);
  return () => {
    removeEventListener('visibilitychange', seen);
    removeEventListener('pagehide', away);
    removeEventListener('pageshow', back);
    leave();
  };
}

function connect(): SharedWorker | undefined {
  try {
    // The name has the version of the messages: a worker that older tabs keep alive is not reused.
    return new SharedWorker(new URL('../tails.worker.ts', import.meta.url), { type: 'module', name: 'tapio-tails-1' });
  } catch {
    return undefined;
  }
}

function overWorker(worker: SharedWorker, request: TailRequest, take: (message: TailMessage) => void, instead: () => void): () => void {
  const { port } = worker;
  const send = (message: FromTab) => port.postMessage(message);
  let over = false;
  const seen = () => send({ kind: 'hidden', hidden: document.hidden });
  const leave = () => {
    if (over) return;
    over = true;
    clearTimeout(late);
    removeEventListener('visibilitychange', seen);
    send({ kind: 'stop' });
    port.close();
  };
  const failed = () => {
    if (over) return;
    leave();
    instead();
  };
  const late = setTimeout(failed, longestStart);
  worker.onerror = failed;
  port.onmessage = ({ data }: MessageEvent<ToTab>) => {
    if (over) return;
    clearTimeout(late);
    if (data.kind === 'present?') send({ kind: 'present' });
    else if (data.kind !== 'ready') take(data);
  };
  addEventListener('visibilitychange', seen);
  send({ kind: 'start', request, hidden: document.hidden });
  return leave;
}
