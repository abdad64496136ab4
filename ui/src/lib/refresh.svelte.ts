// Pages load again when the clock of the UI ticks; it stands still while the page is hidden or paused.
export const refresh = $state({ now: Date.now(), every: 10_000, paused: false });

export function refreshNow() {
  refresh.now = Date.now();
}

/** A page whose last answers are still on their way waits for them: asking again would cancel them, and a slow server would never answer. */
export function startClock(pending: () => number) {
  const tick = () => {
    if (!refresh.paused && !document.hidden) refreshNow();
  };
  let last = Date.now();
  setInterval(() => {
    if (Date.now() - last < refresh.every || pending() > 0) return;
    last = Date.now();
    tick();
  }, 1000);
  addEventListener('visibilitychange', tick);
}
