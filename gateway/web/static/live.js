// The chain as it grows: tells how fresh what is shown is, and that it is not, as soon as nothing is heard.

const STALE_MS = 4_000; // beats come every two seconds, and it is looked at every second: told within five
const BEHIND_S = 3;
const KINDS = ["job", "contact", "command", "report", "reply", "dead_letter", "change", "act", "policy", "templates"];

/** Calls `changed(fresh, behind_s)` when that changes, and `news()` at most every few seconds when there is some. */
export function watch(changed, news) {
  let heard = 0, behind = 0, waiting = null, told = null;
  const tell = () => {
    const late = behind > BEHIND_S, fresh = !late && Date.now() - heard < STALE_MS;
    if (fresh !== told) changed(told = fresh, late ? behind : 0);
  };
  const source = new EventSource("/v1/stream");
  source.addEventListener("beat", (event) => {
    heard = Date.now();
    behind = JSON.parse(event.data).behind_s;
    tell();
  });
  for (const kind of KINDS) {
    source.addEventListener(kind, () => { waiting ??= setTimeout(() => { waiting = null; news(); }, 3000); });
  }
  const clock = setInterval(tell, 1000);
  return () => { source.close(); clearInterval(clock); clearTimeout(waiting); };
}
