// What compliance officers look at beside the law itself: who said stop, what people wrote, and the evidence.

import { at, get, post } from "./api.js";
import { ask, card, facts, field, form, h, link, reason, table, time } from "./dom.js";
import { personLink } from "./ops.js";
import { mayStop, stopPerson } from "./person.js";
import { has, REVEALS, SEES } from "./roles.js";
import { number, t, term } from "./words.js";


async function states({ query }) {
  const seen = await get("/v1/states", { state: query.state, cursor: query.cursor });
  return [
    form([field("state", t("state"), { value: query.state ?? "", autocomplete: "off" })], t("search"),
      async (given) => { location.hash = given.state ? `#/states?${new URLSearchParams({ state: given.state })}` : "#/states"; }),
    table(t("screen.states"), [
      { head: t("person"), cell: (row) => row.kind === "person" ? personLink(row.tenant, row.of) : [t("household"), " ", row.of] },
      { head: t("tenant"), cell: (row) => row.tenant }, { head: t("state"), cell: (row) => term("standing", row.state) },
      { head: t("channel"), cell: (row) => row.channel ? term("channel", row.channel) : t("every") }, { head: t("account"), cell: (row) => row.account ?? t("every") },
      { head: t("since"), cell: (row) => time(row.since) }, { head: t("until"), cell: (row) => time(row.until) }, { head: t("entry"), cell: (row) => row.seq, kind: "number" },
    ], seen.states, t("states.none")),
    seen.next ? link(`#/states?${new URLSearchParams({ ...(query.state ? { state: query.state } : {}), cursor: seen.next })}`, t("more")) : null,
  ];
}

async function replies({ me, query, again }) {
  const every = query.all === "true";
  const seen = await get("/v1/replies", { cursor: query.cursor, waiting: every ? null : "true" });
  const reads = has(me, REVEALS), settles = has(me, ["ops", "compliance"]);
  const settle = (row) => ask(t("reply.settle"), t("reply.settle.effect"), [reason(t("reply.done"))], t("reply.settle"),
    async (given) => { await post(`/v1/replies/${row.seq}/settled`, given); again(); });
  const tab = (all, text) => h("a", { href: all ? "#/replies?all=true" : "#/replies", "aria-current": all === every ? "page" : null }, text);
  return [
    h("p", {}, t("replies.why")),
    h("p", { class: "tabs" }, tab(false, t("replies.waiting")), tab(true, t("replies.all"))),
    table(t("screen.replies"), [
      { head: t("when"), cell: (row) => time(row.at) }, { head: t("person"), cell: (row) => row.recipient_id ? personLink(row.tenant, row.recipient_id) : t("reply.unknown") },
      { head: t("tenant"), cell: (row) => row.tenant || "–" }, { head: t("channel"), cell: (row) => [term("channel", row.channel), h("div", { class: "faint" }, row.provider)] },
      { head: t("taken_for"), cell: (row) => h("span", { class: `state ${row.meaning !== "stop" && !row.settled ? "warn" : "calm"}` }, term("meaning", row.meaning)) },
      { head: t("settled"), cell: (row) => row.settled ? [row.settled.why, h("div", { class: "faint" }, row.settled.by, " ", time(row.settled.at))] : row.meaning === "stop" ? t("reply.in_force") : [t("reply.waits"), row.meaning === "opt_in" ? h("div", { class: "faint" }, t("reply.not_lifted")) : null] },
      { head: t("do"), cell: (row) => h("div", { class: "acts" }, reads ? h("button", { type: "button", onclick: () => words(row, me) }, t("reply.read")) : null,
        row.meaning === "unclear" && !row.settled ? stopButton(row, me) : null,
        settles && !row.settled && row.meaning !== "stop" ? h("button", { type: "button", onclick: () => settle(row) }, t("reply.settle")) : null) },
    ], seen.replies, every ? t("replies.none") : t("replies.none_waits")),
    seen.next ? link(`#/replies?${new URLSearchParams({ ...(every ? { all: "true" } : {}), cursor: seen.next })}`, t("more")) : null,
  ];
}

/** What is suggested where somebody wants no more messages; null where nobody is known, or the reader may not. */
function stopButton(row, me) {
  if (!row.recipient_id || !mayStop(me)) return null;
  return h("button", { type: "button", onclick: () => stopPerson(me, row.tenant, row.recipient_id, () => { location.hash = `#/person/${at(row.tenant, row.recipient_id)}`; }) }, t("reply.stop"));
}

/** Shows what somebody wrote for a minute, once it is written down who reads it and why. */
function words(row, me) {
  ask(t("reply.read"), t("reply.read.effect"), [reason()], t("reply.read"), async (given) => {
    const said = await post(`/v1/replies/${row.seq}/words`, given);
    const shown = h("section", { class: "card revealed", role: "status" }, h("h2", {}, said.sender), h("blockquote", {}, said.text),
      row.recipient_id ? h("p", {}, t("reply.suggest"), " ", personLink(row.tenant, row.recipient_id), " ", stopButton(row, me)) : null);
    document.getElementById("main").append(shown);
    shown.scrollIntoView();
    setTimeout(() => shown.remove(), 60_000);
  });
}

async function evidence({ query }) {
  const head = await get("/v1/ledger/head"), told = JSON.parse(head.head);
  const done = h("p", { role: "status" });
  const asking = form([
    field("tenant", t("tenant"), { value: query.tenant ?? "default", required: true }), field("recipient_id", t("person"), { value: query.recipient_id ?? "" }),
    field("account", t("account")), field("from", t("from"), { type: "datetime-local" }), field("to", t("to"), { type: "datetime-local" }), reason(),
  ], t("evidence.take"), async (given) => {
    const kept = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
    for (const name of ["from", "to"]) if (kept[name]) kept[name] = new Date(kept[name]).toISOString();
    done.textContent = t("evidence.making");
    try {
      const file = await post("/v1/evidence", kept), saving = h("a", { href: URL.createObjectURL(file), download: "evidence.zip" });
      saving.click();
      setTimeout(() => URL.revokeObjectURL(saving.href), 60_000);
      done.textContent = t("evidence.made", { n: Math.ceil(file.size / 1024) });
    } catch (error) {
      done.textContent = "";
      throw error;
    }
  }, { kind: "main" });
  return [
    h("p", {}, t("evidence.why")), asking, done,
    card(t("chain"), facts([[t("entries"), number(told.seq)], [t("anchored"), number(told.anchored)], [t("when"), time(new Date(told.at).toISOString())], [t("hash"), h("code", {}, told.hash)]])),
  ];
}

export const screens = {
  states: { roles: SEES, show: states },
  replies: { roles: SEES, show: replies },
  evidence: { roles: ["compliance", "auditor"], show: evidence },
};
