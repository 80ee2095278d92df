// One person: whether they may be written to now, how their limits stand, who contacted them when, and who said stop.

import { at, get, order } from "./api.js";
import { ask, card, facts, field, h, link, mood, state, table, time } from "./dom.js";
import { jobColumns, jobLink } from "./ops.js";
import { has, ORDERS, REVEALS, SEES } from "./roles.js";
import { number, t, tag, term, when } from "./words.js";

const REASONS = ["opted_out", "dispute", "attorney", "deceased", "bankruptcy"];
const DAYS = 28, DAY_MS = 86_400_000;
const GLYPHS = { sms: "✉", email: "@", push: "◉", call: "☏" };

export const mayStop = (me) => has(me, ORDERS);

/** Asks why a person is to be left alone, and orders it. */
export function stopPerson(me, tenant, name, done) {
  ask(t("stop"), t("stop.effect", { person: name }),
    [field("reason", t("stop.reason"), { value: "opted_out" }, REASONS.map((word) => [word, term("standing", word)]))],
    t("stop.button", { person: name }), async (given) => { await order("stop", me.id, { tenant, recipient_id: name, reason: given.reason }); done(); }, { kind: "danger" });
}

async function person({ names, me, again }) {
  const [tenant, name] = names;
  const [seen, head] = await Promise.all([get(`/v1/people/${at(tenant, name)}/calendar`), get("/v1/ledger/head")]);
  const counted = seen.contacts.filter((one) => !one.taken_back && one.direction !== "inbound"), { outlook } = seen;
  const stop = () => stopPerson(me, tenant, name, () => setTimeout(again, 1500));
  return [
    outlook ? outlook.channels.map(prospect) : h("p", { class: "verdict calm" }, t("outlook.none")),
    facts([[t("tenant"), tenant], [t("contacts"), number(counted.length)], [t("waiting"), number(seen.waiting.length)],
      ...(outlook ? [[t("zones"), outlook.zones.join(", ") || "–"], [t("jurisdictions"), outlook.jurisdictions.join(", ") || "–"]] : [])]),
    h("div", { class: "buttons" },
      mayStop(me) ? h("button", { type: "button", onclick: stop }, t("stop")) : null,
      h("button", { type: "button", onclick: () => window.print() }, t("print")),
      has(me, REVEALS) ? link(`#/evidence?${new URLSearchParams({ tenant, recipient_id: name })}`, t("screen.evidence")) : null),
    outlook?.limits.length ? limits(outlook) : null,
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

/** All limits, each with its ruler, and the times closed to the person as a table behind. */
function limits({ limits: all, channels, zones }) {
  const closed = channels.flatMap(({ channel, closed: spans }) => spans.map((one) => ({ channel, ...one })));
  return card(t("limits"), legend(), all.map((one) => limit(one, zones[0], channels)),
    closed.length ? h("p", { class: "faint" }, h("span", { class: "swatch", "aria-hidden": "true" }), t("closed.table")) : null,
    closed.length ? h("details", {}, h("summary", {}, t("as_table")), table(t("closed.table"), [
      { head: t("channel"), cell: (row) => term("channel", row.channel) },
      { head: t("from"), cell: (row) => both(row.from, zones[0]) }, { head: t("to"), cell: (row) => both(row.to, zones[0]) },
    ], closed)) : null);
}

/** A limit: how much of it is used, drawn along the time that it looks back on, and when the next is free. */
function limit(one, zone, channels) {
  const over = span(one);
  const told = one.most === null ? t("limit.distance", { over }) : t("limit.used", { n: one.used, most: one.most, over });
  const free = one.frees_at ? t("limit.frees", { at: when(one.frees_at), there: there(one.frees_at, zone) }) : one.blocks ? t("limit.never") : t("limit.free");
  const end = Math.max(Date.now(), one.frees_at ? Date.parse(one.frees_at) : 0);
  return h("section", { class: "limit" },
    h("h3", {}, one.rule, " ", state(one.blocks ? "blocks" : one.frees_at ? "warns" : "passes")),
    h("p", {}, t("limit.line", { told, free })),
    ruler(one, end, `${one.rule}: ${t("limit.line", { told, free })}`, zone, strips(one, channels)),
    h("p", { class: "ends" }, h("span", {}, when(one.since)), h("span", {}, when(new Date(end).toISOString()))),
    h("p", { class: "faint" }, one.channels.map((word) => term("channel", word)).join(", "), one.account ? ` · ${t("account")} ${one.account}` : "", ` · ${one.pack} · `, one.source),
    h("details", {}, h("summary", {}, t("as_table")), table(one.rule, [
      { head: t("when"), cell: (row) => both(row.at, zone) },
      { head: t("channel"), cell: (row) => term("channel", row.channel) }, { head: t("event"), cell: (row) => term("event", row.event) }, { head: t("account"), cell: (row) => row.account ?? "–" },
    ], one.counted, t("contacts.none"))));
}

/** The time that a limit looks back over, in words. */
function span({ unit, size }) {
  if (unit === "days") return t("span.days", { n: size });
  if (unit !== "rolling") return term("span", unit);
  if (size % 86_400 === 0) return t("span.rolling_days", { n: size / 86_400 });
  return size % 3600 === 0 ? t("span.hours", { n: size / 3600 }) : t("span.minutes", { n: Math.round(size / 60) });
}

/** A moment on the person's own clock. */
const there = (moment, zone) => zone ? `${new Intl.DateTimeFormat(tag(), { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(new Date(moment))} ${zone}` : "";

const both = (moment, zone) => [time(moment), h("div", { class: "faint" }, there(moment, zone))];

/** The closed times of a limit's channels, one strip for all that have the same. */
function strips(one, channels) {
  const found = new Map();
  for (const { channel, closed } of channels.filter((each) => one.channels.includes(each.channel) && each.closed.length)) {
    const key = JSON.stringify(closed);
    found.set(key, { closed, channels: [...(found.get(key)?.channels ?? []), channel] });
  }
  return [...found.values()];
}

/** The time that a limit looks back on, with what it counts, now, where the next slot frees, and below when it is closed. */
function ruler(one, end, sentence, zone, bands) {
  const from = Date.parse(one.since), now = Date.now(), wide = 900, tall = 44 + bands.length * 12;
  const x = (moment) => 12 + ((Math.min(Math.max(moment, from), end) - from) / Math.max(1, end - from)) * (wide - 24);
  const upright = (moment, looks, title) => h("svg:line", { x1: x(moment), x2: x(moment), y1: 6, y2: 38, class: looks }, h("svg:title", {}, title));
  const days = midnights(from, end, zone);
  return h("svg:svg", { viewBox: `0 0 ${wide} ${tall}`, class: "ruler", role: "img", "aria-label": sentence },
    h("svg:rect", { x: x(from), y: 16, width: x(now) - x(from), height: 12, rx: 3, class: "past" }),
    days.length <= 40 ? days.map((day) => h("svg:line", { x1: x(day), x2: x(day), y1: 12, y2: 32, class: "tick" })) : null,
    bands.map(({ closed, channels }, i) => closed.filter((band) => Date.parse(band.to) > from && Date.parse(band.from) < end).map((band) => {
      const start = x(Date.parse(band.from));
      return h("svg:rect", { x: start, y: 42 + i * 12, width: Math.max(1, x(Date.parse(band.to)) - start), height: 8, class: "closed" },
        h("svg:title", {}, t("closed.band", { channels: channels.map((word) => term("channel", word)).join(", "), from: there(band.from, zone), to: there(band.to, zone) })));
    })),
    upright(now, "now", t("moment.now")),
    one.frees_at ? upright(Date.parse(one.frees_at), "free", `${t("moment.free")}: ${there(one.frees_at, zone)}`) : null,
    heaps(one.counted, x).map(({ place, past }) => [h("svg:circle", { cx: place, cy: 22, r: 7, class: "contact" },
      h("svg:title", {}, past.map((each) => `${when(each.at)} ${term("channel", each.channel)} ${term("event", each.event)}`).join("; "))),
    past.length > 1 ? h("svg:text", { x: place - 12, y: 27, "text-anchor": "end" }, `${past.length}×`) : null]));
}

/** Contacts that would be drawn over one another, as one mark. */
function heaps(counted, x) {
  const found = [];
  for (const past of counted) {
    const last = found[found.length - 1], place = x(Date.parse(past.at));
    if (last && Math.abs(last.place - place) < 12) last.past.push(past);
    else found.push({ place, past: [past] });
  }
  return found;
}

/** What the marks of a ruler are. */
const legend = () => h("ul", { class: "legend ruled" }, h("li", { class: "contact" }, t("ruler.contact")), h("li", { class: "now" }, t("moment.now")), h("li", { class: "free" }, t("moment.free")));

/** The midnights of a zone between two moments, also where its clock was changed. */
function midnights(from, end, zone) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const passed = (moment) => clock.format(new Date(moment)).split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
  const found = [];
  for (let noon = from - passed(from) + 1.5 * DAY_MS; noon - DAY_MS / 2 < end; noon += DAY_MS) {
    const guess = noon - passed(noon), off = passed(guess);
    found.push(off > DAY_MS / 2 ? guess + DAY_MS - off : guess - off);
  }
  return found.filter((day) => day > from && day < end);
}

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
