// What waits: on the lanes, for the ledger, and until when; how long it takes at the pace of the last minutes.

import { get } from "./api.js";
import { bars } from "./charts.js";
import { card, facts, field, h, link, table } from "./dom.js";
import { search } from "./ops.js";
import { READERS } from "./roles.js";
import { number, t, term, when } from "./words.js";


async function lanes() {
  const seen = await get("/v1/lanes"), waiting = seen.lanes.reduce((sum, one) => sum + one.entries, 0);
  const rate = seen.pace ? seen.pace.done / seen.pace.seconds : 0;
  return [
    h("p", { class: `verdict ${waiting && !rate ? "warn" : "good"}` }, drain(waiting, rate)),
    facts([[t("scheduled"), number(seen.scheduled)], [t("journal"), number(seen.journal)], [t("screen.dead-letters"), link("#/dead-letters", number(seen.dead))],
      ...(seen.pace ? [[t("pace.accepted"), number(seen.pace.accepted)], [t("pace.done"), number(seen.pace.done)]] : [])]),
    card(t("lanes.streams"), table(t("lanes.streams"), [
      { head: t("stream"), cell: (row) => row.stream }, { head: t("entries"), cell: (row) => number(row.entries), kind: "number" },
      { head: t("in_hand"), cell: (row) => number(row.in_hand), kind: "number" },
      { head: t("oldest"), cell: (row) => row.entries ? t("seconds", { n: Math.round(row.oldest_s) }) : "–", kind: "number" },
    ], seen.lanes)),
    card(t("held"), seen.held.length
      ? [bars(t("held"), t("held.sentence", { n: seen.held.reduce((sum, one) => sum + one.jobs, 0) }), seen.held.map((one) => [when(one.hour), one.jobs])),
        h("h3", {}, t("held.places")), table(t("held.places"), [
          { head: t("held_until"), cell: (row) => when(row.hour) }, { head: t("jurisdictions"), cell: (row) => row.jurisdiction || "–" },
          { head: t("why"), cell: (row) => term("code", row.reason) },
          { head: t("count"), kind: "number", cell: (row) => link(search({ jurisdiction: row.jurisdiction, reason: row.reason, status: "waiting" }), number(row.jobs)) },
        ], seen.places)]
      : h("p", { class: "empty" }, t("held.none"))),
    whatIf(seen, rate),
  ];
}

/** How long the lanes take, at the pace of the last minutes. */
function drain(waiting, rate) {
  if (!waiting) return t("drain.empty");
  return rate ? t("drain.sentence", { n: waiting, at: when(new Date(Date.now() + (waiting / rate) * 1000)) }) : t("drain.still", { n: waiting });
}

/** When everything that waits and falls due within a day would be done, at a rate that one chooses. */
function whatIf(seen, rate) {
  const told = h("p", { role: "status" });
  const soon = seen.held.filter((one) => new Date(one.hour) - Date.now() < 86_400_000);
  const asked = field("rate", t("what_if.rate"), { type: "number", min: 1, max: 100000, value: Math.max(1, Math.round(rate)), autocomplete: "off" });
  const work = () => {
    const perSecond = Number(asked.querySelector("input").value);
    if (!(perSecond > 0)) return;
    let at = Date.now() + (seen.lanes.reduce((sum, one) => sum + one.entries, 0) / perSecond) * 1000;
    for (const one of soon) at = Math.max(at, new Date(one.hour).getTime()) + (one.jobs / perSecond) * 1000;
    told.textContent = t("what_if.sentence", { n: soon.reduce((sum, one) => sum + one.jobs, 0), at: when(new Date(at)) });
  };
  asked.querySelector("input").addEventListener("input", work);
  work();
  return card(t("what_if"), h("div", { class: "fields" }, asked), told);
}

export const screens = {
  lanes: { roles: READERS, show: lanes, live: true },
};
