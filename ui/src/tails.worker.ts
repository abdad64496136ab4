// The SharedWorker: holds the live tails of all tabs. A port is one reader.
import { Tails, type Reader, type TailMessage, type TailRequest } from './lib/tails';

/** What a tab sends: what to follow, whether it is in sight, that it is still there, or that it is not. */
export type FromTab = { kind: 'start'; request: TailRequest; hidden: boolean } | { kind: 'hidden'; hidden: boolean } | { kind: 'present' } | { kind: 'stop' };
export type ToTab = TailMessage | { kind: 'ready' } | { kind: 'present?' };

const tails = new Tails(true);
const askEvery = 15_000;
const longestSilence = 60_000; // a tab that was closed by a crash, or is frozen

addEventListener('connect', (e) => {
  const port = (e as MessageEvent).ports[0]!;
  const send = (message: ToTab) => port.postMessage(message);
  const reader: Reader = { send, hidden: false };
  let heard = Date.now();
  let leave = () => {};
  const stop = () => {
    clearInterval(timer);
    leave();
    leave = () => {};
    port.close();
  };
  const timer = setInterval(() => {
    if (Date.now() - heard < longestSilence) return send({ kind: 'present?' });
    send({ kind: 'dropped' });
    stop();
  }, askEvery);
  port.onmessage = ({ data }: MessageEvent<FromTab>) => {
    heard = Date.now();
    if (data.kind === 'start') {
      send({ kind: 'ready' });
      reader.hidden = data.hidden;
      leave = tails.join(data.request, reader);
    } else if (data.kind === 'hidden') {
      reader.hidden = data.hidden;
      tails.look();
    } else if (data.kind === 'stop') stop();
  };
});
