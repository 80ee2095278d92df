// One person: whether they may be written to now, how their limits stand, who contacted them when, and who said stop.

import { at, get, order } from "./api.js";
import { ask, card, facts, field, h, link, mood, state, table, time } from "./dom.js";
import { jobColumns, jobLink } from "./ops.js";
import { number, t, tag, term, when } from "./words.js";

const SEES = ["ops", "compliance", "auditor"];
const REASONS = ["opted_out", "dispute", "attorney", "deceased", "bankruptcy"];
const DAYS = 28, DAY_MS = 86_400_000, HOUR_MS = 3_600_000;
const GLYPHS = { sms: "✉", email: "@", push: "◉", call: "☏" };

async function person({ names, me, again }) {
  const [tenant, name] = names;
  const [seen, head] = await Promise.all([get(`/v1/people/${at(tenant, name)}/calendar`), get("/v1/ledger/head")]);
  const counted = seen.contacts.filter((one) => !one.taken_back && one.direction !== "inbound"), { outlook } = seen;
  const stop = () => ask(t("stop"), t("stop.effect", { person: name }),
    [field("reason", t("stop.reason"), { value: "opted_out" }, REASONS.map((word) => [word, term("standing", word)]))],
    t("stop.button", { person: name }), async (given) => { await order("stop", me.id, { tenant, recipient_id: name, reason: given.reason }); setTimeout(again, 1500); }, { kind: "danger" });
  return [
    outlook ? outlook.channels.map(prospect) : h("p", { class: "verdict calm" }, t("outlook.none")),
    facts([[t("tenant"), tenant], [t("contacts"), number(counted.length)], [t("waiting"), number(seen.waiting.length)],
      ...(outlook ? [[t("zones"), outlook.zones.join(", ") || "–"], [t("jurisdictions"), outlook.jurisdictions.join(", ") || "–"]] : [])]),
    h("div", { class: "buttons" },
      me.roles.some((role) => ["ops", "compliance", "producer"].includes(role)) ? h("button", { type: "button", onclick: stop }, t("stop")) : null,
      h("button", { type: "button", onclick: () => window.print() }, t("print")),
      me.roles.some((role) => ["compliance", "auditor"].includes(role)) ? link(`#/evidence?${new URLSearchParams({ tenant, recipient_id: name })}`, t("screen.evidence")) : null),
    outlook?.limits.length ? card(t("limits"), legend(), outlook.limits.map((one) => limit(one, outlook.zones[0]))) : null,
    card(t("calendar"), month(seen.contacts, outlook?.zones[0])),
    card(t("screen.states"), table(t("screen.states"), [
      { head: t("state"), cell: (row) => term("standing", row.state) }, { head: t("channel"), cell: (row) => row.channel ? term("channel", row.channel) : t("every") },
      { head: t("since"), cell: (row) => time(row.since) }, { head: t("until"), cell: (row) => time(row.until) }, { head: t("lifted"), cell: (row) => time(row.lifted_at) },
    ], seen.states, t("states.none"))),
    card(t("contacts"), table(t("contacts"), [
      { head: t("when"), cell: (row) => time(row.at) }, { head: t("channel"), cell: (row) => term("channel", row.channel) },
      { head: t("event"), cell: (row) => [term("event", row.event), row.taken_back ? h("div", { class: "faint" }, t("taken_back")) : null] },
      { head: t("direction"), cell: (row) => term("direction", row.direction) },
      { head: t("job"), cell: (row) => row.job_id ? jobLink({ tenant, recipient_id: name, id: row.job_id }) : "–" }, { head: t("account"), cell: (row) => row.account ?? "–" },
    ], [...seen.contacts].reverse(), t("contacts.none"))),
    card(t("waiting"), table(t("waiting"), jobColumns(), seen.waiting, t("waiting.none"))),
    proof(JSON.parse(head.head)),
  ];
}

/** Whether a channel may be used now, in a sentence. */
function prospect({ channel, decision, earliest, blocked_by: rules }) {
  const given = { channel: term("channel", channel), at: earliest ? when(earliest) : "", rules: rules.join(", ") };
  return h("p", { class: `verdict ${mood(decision)}` }, decision === "allow" ? t("prospect.allow", given) : decision === "defer" ? t("prospect.defer", given) : t("prospect.deny", given));
}

/** A limit: how much of it is used, drawn along the time that it looks back on, and when the next is free. */
function limit(one, zone) {
  const told = one.most === null ? t("limit.distance", { within: one.within }) : t("limit.used", { n: one.used, most: one.most });
  const free = one.frees_at ? t("limit.frees", { at: when(one.frees_at), there: there(one.frees_at, zone) }) : one.blocks ? t("limit.never") : t("limit.free");
  return h("section", { class: "limit" },
    h("h3", {}, one.rule, " ", state(one.blocks ? "blocks" : "passes")),
    h("p", {}, t("limit.line", { told, free })),
    ruler(one, `${one.rule}: ${t("limit.line", { told, free })}`, zone),
    h("p", { class: "faint" }, one.channels.map((word) => term("channel", word)).join(", "), " · ", one.source),
    h("details", {}, h("summary", {}, t("as_table")), table(one.rule, [
      { head: t("when"), cell: (row) => [time(row.at), h("div", { class: "faint" }, there(row.at, zone))] },
      { head: t("channel"), cell: (row) => term("channel", row.channel) }, { head: t("event"), cell: (row) => term("event", row.event) }, { head: t("account"), cell: (row) => row.account ?? "–" },
    ], one.counted, t("contacts.none"))));
}

/** A moment on the person's own clock. */
const there = (moment, zone) => zone ? `${new Intl.DateTimeFormat(tag(), { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(new Date(moment))} ${zone}` : "";

/** The time that a limit looks back on, with what it counts, now, and where the next slot frees. */
function ruler(one, sentence, zone) {
  const from = Date.parse(one.since), now = Date.now(), end = Math.max(now, one.frees_at ? Date.parse(one.frees_at) : 0), wide = 900, tall = 44;
  const x = (moment) => 12 + ((moment - from) / Math.max(1, end - from)) * (wide - 24);
  const days = midnights(from, end, zone), marks = [];
  for (const past of one.counted) {
    const last = marks[marks.length - 1], place = x(Date.parse(past.at));
    if (last && Math.abs(last.place - place) < 12) last.past.push(past);
    else marks.push({ place, past: [past] });
  }
  return h("svg:svg", { viewBox: `0 0 ${wide} ${tall}`, class: "ruler", role: "img", "aria-label": sentence },
    h("svg:rect", { x: x(from), y: 16, width: x(now) - x(from), height: 12, rx: 3, class: "past" }),
    days.length <= 40 ? days.map((day) => h("svg:line", { x1: x(day), x2: x(day), y1: 12, y2: 32, class: "tick" })) : null,
    h("svg:line", { x1: x(now), x2: x(now), y1: 6, y2: 38, class: "now" }, h("svg:title", {}, t("ruler.now"))),
    one.frees_at ? h("svg:line", { x1: x(Date.parse(one.frees_at)), x2: x(Date.parse(one.frees_at)), y1: 6, y2: 38, class: "free" }) : null,
    marks.map(({ place, past }) => [h("svg:circle", { cx: place, cy: 22, r: 7, class: "contact" },
      h("svg:title", {}, past.map((each) => `${when(each.at)} ${term("channel", each.channel)} ${term("event", each.event)}`).join("; "))),
    past.length > 1 ? h("svg:text", { x: place - 12, y: 27, "text-anchor": "end" }, `${past.length}×`) : null]));
}

/** The midnights between two moments on the clock of a zone, by the hour. */
function midnights(from, end, zone) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }), found = [];
  for (let hour = Math.ceil(from / HOUR_MS) * HOUR_MS; hour < end; hour += HOUR_MS) {
    if (day.format(hour) !== day.format(hour - HOUR_MS)) found.push(hour);
  }
  return found;
}

/** What the marks of a ruler are. */
const legend = () => h("ul", { class: "legend ruled" }, h("li", { class: "contact" }, t("ruler.contact")), h("li", { class: "now" }, t("ruler.now")), h("li", { class: "free" }, t("ruler.free")));

/** Four weeks on the person's calendar, each day with its contacts. */
function month(contacts, zone) {
  const named = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  const shown = new Intl.DateTimeFormat(tag(), { timeZone: zone, day: "numeric", month: "short" });
  const of = new Map();
  for (const one of contacts) {
    const day = named.format(new Date(one.at));
    of.set(day, [...(of.get(day) ?? []), one]);
  }
  const days = Array.from({ length: DAYS }, (_, i) => new Date(Date.now() - (DAYS - 1 - i) * DAY_MS));
  return [
    h("p", {}, t("calendar.sentence", { n: contacts.filter((one) => !one.taken_back && Date.now() - Date.parse(one.at) < 7 * DAY_MS).length })),
    h("ol", { class: "month" }, days.map((day) => h("li", {}, h("span", { class: "faint" }, shown.format(day)),
      (of.get(named.format(day)) ?? []).map((one) => h("span", { class: `contact ${one.taken_back ? "gone" : ""}` },
        h("span", { "aria-hidden": "true" }, GLYPHS[one.channel] ?? "•"), " ", term("channel", one.channel), " ", h("span", { class: "faint" }, term("event", one.event))))))),
  ];
}

/** What a printed statement rests on. */
const proof = (told) => h("p", { class: "proof" }, t("statement", { seq: told.seq, at: when(new Date(told.at).toISOString()), hash: told.hash }));

export const screens = {
  person: { roles: SEES, show: person, under: "messages", title: ({ names }) => names[1] },
};
