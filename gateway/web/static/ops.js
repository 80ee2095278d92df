// What operators look at beside the overview, the providers and the backlog: messages and why, what needs a person, the levers.

import { at, get, order, post } from "./api.js";
import { ask, card, count, facts, field, form, h, link, mood, reason, state, table, time } from "./dom.js";
import { has, ORDERS, READERS, REVEALS, SEES } from "./roles.js";
import { ago, language, number, t, term, terms, when } from "./words.js";

export const jobLink = (row) => row.id
  ? link(`#/job/${at(row.tenant, row.recipient_id, row.id)}`, row.id)
  : h("span", { class: "faint" }, t("erased"));
export const personLink = (tenant, name) => name ? link(`#/person/${at(tenant, name)}`, name) : h("span", { class: "faint" }, t("erased"));
export const search = (query) => `#/messages?${new URLSearchParams(query)}`;

export const actColumns = () => [
  { head: t("when"), cell: (row) => time(row.at) }, { head: t("who"), cell: (row) => row.who },
  { head: t("what"), cell: (row) => term("act", row.what) }, { head: t("why"), cell: (row) => row.why },
  { head: t("entry"), cell: (row) => row.seq ?? "…", kind: "number" },
];

const STATES = ["queued", "waiting", "sending", "sent", "delivered", "undelivered", "in_doubt", "presumed_sent", "failed",
  "suppressed", "expired", "cancelled", "rejected"];
const CHOICES = { status: STATES.map((word) => [word, "state"]), channel: ["sms", "email", "push", "call"].map((word) => [word, "channel"]) };
const choices = (name) => CHOICES[name] && [["", t("every")], ...CHOICES[name].map(([word, sort]) => [word, term(sort, word)])];

const FILTERS = ["job_id", "recipient_id", "account", "address", "provider_message_id", "status", "reason", "rule",
  "channel", "provider", "template", "jurisdiction"];

async function messages({ query }) {
  const found = await get("/v1/messages", { ...query, limit: 50 });
  const given = FILTERS.filter((name) => query[name]);
  const asking = form(FILTERS.map((name) => field(name, t(`filter.${name}`), { value: query[name] ?? "", autocomplete: "off", list: name === "reason" ? "reasons" : null }, choices(name))),
    t("search"), async (values) => {
      const kept = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
      location.hash = search(kept);
    }, { kind: "main" });
  return [
    h("details", { open: !given.length }, h("summary", {}, given.length
      ? given.map((name) => `${t(`filter.${name}`)}: ${query[name]}`).join(" · ") : t("filters")), asking),
    h("datalist", { id: "reasons" }, terms("code").map(([word, text]) => h("option", { value: word }, text))),
    views(query, given.length),
    table(t("screen.messages"), jobColumns(), found.jobs, t("messages.empty")),
    found.next ? link(search({ ...query, cursor: found.next }), t("more")) : null,
  ];
}

/** Searches that somebody keeps under a name, in this browser. */
function views(query, given) {
  const kept = JSON.parse(localStorage.getItem("views") ?? "{}"), place = h("p", { class: "views" });
  const put = (changed) => { localStorage.setItem("views", JSON.stringify(changed)); place.replaceWith(views(query, given)); };
  place.append(...Object.entries(kept).map(([name, saved]) => h("span", { class: "view" }, link(search(saved), name),
    h("button", { type: "button", class: "quiet", "aria-label": t("view.forget", { name }), onclick: () => { delete kept[name]; put(kept); } }, "×"))));
  if (given) {
    place.append(h("button", { type: "button", class: "quiet", onclick: () => ask(t("view.save"), t("view.effect"),
      [field("view", t("name"), { required: true, maxlength: 40, autocomplete: "off" })], t("view.save"),
      async (told) => put({ ...kept, [told.view]: { ...query, cursor: undefined } })) }, t("view.save")));
  }
  return place;
}

export const jobColumns = () => [
  { head: t("job"), cell: jobLink }, { head: t("person"), cell: (row) => personLink(row.tenant, row.recipient_id) },
  { head: t("tenant"), cell: (row) => row.tenant }, { head: t("state"), cell: (row) => state(row.status) },
  { head: t("channel"), cell: (row) => term("channel", row.channel) },
  { head: t("why"), cell: (row) => [term("code", row.reason), row.rule ? h("div", { class: "faint" }, row.rule) : null] },
  { head: t("held_until"), cell: (row) => time(row.until) }, { head: t("updated"), cell: (row) => time(row.updated_at) },
];

async function job({ names, me, again }) {
  const path = `/v1/messages/${at(...names)}`, [tenant, recipient] = names;
  const [why, trail] = await Promise.all([get(`${path}/why`, { language }), get(`${path}/timeline`)]);
  const { state: now, lines } = trail;
  return [
    h("p", { class: `verdict ${mood(now.state)}` }, sentence(now)),
    facts([[t("state"), state(now.state)], [t("person"), personLink(tenant, recipient)], [t("tenant"), tenant],
      [t("account"), now.account], [t("accepted"), time(now.accepted_at)], [t("held_until"), time(now.until)]]),
    h("div", { class: "buttons" },
      has(me, REVEALS) ? h("button", { type: "button", onclick: () => reveal(names) }, t("reveal")) : null,
      has(me, ORDERS) && !now.final
        ? h("button", { type: "button", onclick: () => ask(t("cancel_job"), t("cancel_job.effect", { job: names[2] }), [], t("cancel_job"),
          async () => { await order("cancel", me.id, { tenant, recipient_id: recipient, job_id: names[2] }); setTimeout(again, 1500); }) }, t("cancel_job"))
        : null),
    why.story.tracks.map((track) => [track.look ? look(t("rules.then"), track.look) : card(t("rules.then"), h("p", {}, t("rules.never"))),
      track.now ? look(t("rules.now"), track.now) : null]),
    card(t("receipts"), table(t("receipts"), [
      { head: t("when"), cell: (row) => time(row.at) }, { head: t("state"), cell: (row) => state(row.status) },
      { head: t("channel"), cell: (row) => term("channel", row.channel ?? "none") }, { head: t("provider"), cell: (row) => row.provider ?? "–" },
      { head: t("why"), cell: (row) => row.reason ? [term("code", row.reason.code), h("div", { class: "faint" }, row.reason.rule ?? "")] : "–" },
    ], now.receipts, t("receipts.none"))),
    card(t("sends"), table(t("sends"), [
      { head: t("when"), cell: (row) => time(row.at) }, { head: t("channel"), cell: (row) => term("channel", row.channel) },
      { head: t("provider"), cell: (row) => row.provider }, { head: t("state"), cell: (row) => state(row.state) },
      { head: t("message_id"), cell: (row) => row.provider_message_id ?? "–" }, { head: t("segments"), cell: (row) => row.segments ?? "–", kind: "number" },
    ], now.messages, t("sends.none"))),
    card(t("chain"), h("p", {}, t("chain.why")), table(t("chain"), [
      { head: t("entry"), cell: (row) => row.seq, kind: "number" }, { head: t("when"), cell: (row) => time(row.at) },
      { head: t("what"), cell: (row) => term("entry", row.kind) }, { head: t("hash"), cell: (row) => h("code", {}, row.hash.slice(0, 16), "…") },
    ], lines)),
    h("details", {}, h("summary", {}, t("as_text")), why.headlines.map((text) => h("p", {}, text)), h("pre", {}, why.text)),
    h("details", {}, h("summary", {}, t("as_json")), h("pre", {}, JSON.stringify(trail, null, 2))),
  ];
}

/** Why a job stands where it stands, in one sentence for people. */
function sentence(now) {
  const last = now.receipts[now.receipts.length - 1], reason = last?.reason, sent = now.messages[now.messages.length - 1];
  const why = reason ? [term("code", reason.code), reason.rule ? t("why.rule", { rule: reason.rule }) : ""].join("") : term("state", now.state);
  const given = { why, provider: sent?.provider, at: when(last?.at ?? now.as_of), until: now.until ? when(now.until) : "" };
  if (now.state === "waiting") return t(now.until ? "why.waiting" : "why.paused", given);
  if (["suppressed", "expired", "cancelled", "rejected", "failed"].includes(now.state)) return t("why.not_sent", given);
  return ["delivered", "sent", "in_doubt", "undelivered", "presumed_sent"].includes(now.state) ? t(`why.${now.state}`, given) : term("state", now.state);
}

/** A look at the rules: each channel, and every rule with its sentence; those that let it through are folded away. */
function look(title, seen) {
  const told = (rules) => h("ul", { class: "rules" }, rules.map((rule) =>
    h("li", {}, state(rule.verdict), " ", h("strong", {}, rule.rule), h("p", {}, rule.sentence))));
  return card(title,
    facts([[t("when"), time(seen.at)], [t("zones"), seen.zones.join(", ") || "–"], [t("jurisdictions"), seen.jurisdictions.join(", ") || "–"],
      [t("policy"), h("span", { class: "faint" }, seen.policy)]]),
    seen.channels.map((one) => h("section", {},
      h("h3", {}, term("channel", one.channel), " ", state(one.decision), one.until ? [" ", time(one.until)] : null),
      told(one.rules.filter((rule) => rule.verdict !== "passes")),
      one.rules.some((rule) => rule.verdict === "passes")
        ? h("details", {}, h("summary", {}, t("rules.passed", { n: one.rules.filter((rule) => rule.verdict === "passes").length })),
          told(one.rules.filter((rule) => rule.verdict === "passes")))
        : null)));
}

function reveal(names) {
  const [tenant, recipient_id, id] = names;
  ask(t("reveal"), t("reveal.effect"), [reason()], t("reveal"), async (given) => {
    const seen = await post("/v1/reveals", { tenant, recipient_id, id, reason: given.reason });
    const shown = h("section", { class: "card revealed" }, h("h2", {}, t("revealed")),
      h("pre", {}, JSON.stringify(seen.lines.map((line) => ({ seq: line.seq, at: line.at, kind: line.kind, ...line.secret })), null, 2)));
    document.getElementById("main").append(shown);
    shown.scrollIntoView();
    setTimeout(() => shown.remove(), 60_000);
  });
}

async function doubts({ me, query, again }) {
  const seen = await get("/v1/in-doubt", { cursor: query.cursor });
  return [
    h("p", {}, t("doubts.why")),
    table(t("screen.in-doubt"), [
      { head: t("job"), cell: jobLink }, { head: t("person"), cell: (row) => personLink(row.tenant, row.recipient_id) },
      { head: t("channel"), cell: (row) => term("channel", row.channel) }, { head: t("provider"), cell: (row) => row.provider },
      { head: t("when"), cell: (row) => [time(row.at), h("div", { class: "faint" }, ago(row.at))] },
      { head: t("presumed"), cell: (row) => [time(row.presumed_at), h("div", { class: "faint" }, ago(row.presumed_at))] },
      { head: t("why"), cell: (row) => row.code ?? "–" },
      { head: t("do"), cell: (row) => me.roles.includes("ops") ? h("button", { type: "button", onclick: () => attest(row, again) }, t("attest")) : "–" },
    ], seen.doubts, t("doubts.none")),
    seen.next ? link(`#/in-doubt?cursor=${seen.next}`, t("more")) : null,
  ];
}

function attest(row, again) {
  ask(t("attest"), t("attest.effect", { job: row.id ?? row.reference }), [
    field("status", t("attest.status"), { value: "delivered" }, [["delivered", term("state", "delivered")], ["sent", term("state", "sent")]]),
    field("evidence", t("attest.evidence"), { required: true, minlength: 3, maxlength: 500 }), reason(),
  ], t("attest"), async (given) => { await post(`/v1/in-doubt/${at(row.reference)}`, given); setTimeout(again, 1500); });
}

async function letters({ me, again }) {
  const seen = await get("/v1/dead-letters", { limit: 1000 });
  const causes = Map.groupBy ? Map.groupBy(seen.letters, (one) => one.error) : new Map();
  if (!causes.size) for (const one of seen.letters) causes.set(one.error, [...(causes.get(one.error) ?? []), one]);
  return [
    h("p", {}, t("letters.sentence", { n: seen.total })),
    table(t("screen.dead-letters"), [
      { head: t("cause"), cell: ([cause]) => cause }, { head: t("count"), cell: ([, rows]) => number(rows.length), kind: "number" },
      { head: t("stream"), cell: ([, rows]) => [...new Set(rows.map((row) => row.stream))].join(", ") },
      { head: t("do"), cell: ([, rows]) => me.roles.includes("ops") ? h("button", { type: "button", onclick: () => replay(rows, again) }, t("replay")) : "–" },
    ], [...causes], t("letters.none")),
  ];
}

async function replay(rows, again) {
  const ids = rows.slice(0, 100).map((row) => row.id), seen = await post("/v1/dead-letters/preview", { ids });
  const faulty = Object.keys(seen.faulty).length, refused = Object.keys(seen.refused).length;
  ask(t("replay"), t("replay.effect", { readable: seen.readable.length, known: seen.known.length, faulty, refused, gone: seen.gone.length }),
    [field("which", t("replay.which"), { value: "one" }, [["one", t("replay.one")], ["ten", t("replay.ten")], ["all", t("replay.all", { n: seen.readable.length })]]), reason()],
    t("replay"), async (given) => {
      const chosen = seen.readable.slice(0, { one: 1, ten: 10 }[given.which] ?? 100);
      if (!chosen.length) throw new Error(t("replay.nothing"));
      await post("/v1/dead-letters/replay", { ids: chosen, reason: given.reason });
      setTimeout(again, 500);
    });
}

/** What a pause holds up. */
export const scope = (row) => ["tenant", "channel", "provider", "template"].filter((name) => row[name]).map((name) => `${t(name)}: ${name === "channel" ? term("channel", row[name]) : row[name]}`).join(", ") || t("everything");

async function switches({ me, again }) {
  const seen = await get("/v1/switches"), ops = me.roles.includes("ops");
  const lift = async (row) => {
    const { tenant, channel, provider, template } = row;
    ask(t("unpause"), t("unpause.effect", { scope: scope(row) }), [], t("unpause.button", { scope: scope(row) }),
      async () => { await order("unpause", me.id, { tenant, channel, provider, template }); setTimeout(again, 1000); });
  };
  const asking = form([
    field("channel", t("channel"), { value: "" }, [["", t("every")], ...["sms", "email", "push", "call"].map((one) => [one, term("channel", one)])]),
    field("provider", t("provider"), { autocomplete: "off" }), field("template", t("template"), { autocomplete: "off" }), field("tenant", t("tenant"), { autocomplete: "off" }),
  ], t("pause"), async (given, element) => {
    const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
    const backlog = await get("/v1/lanes").catch(() => null); // one pauses also while nobody can count
    const n = backlog ? backlog.lanes.reduce((sum, lane) => sum + lane.entries, backlog.scheduled) : 0;
    ask(t("pause"), backlog ? t("pause.effect", { scope: scope(chosen), n }) : t("pause.uncounted", { scope: scope(chosen) }), [], t("pause.button", { scope: scope(chosen) }),
      async () => { await order("pause", me.id, chosen); element.reset(); setTimeout(again, 1000); }, { kind: "danger" });
  }, { kind: "danger" });
  return [
    h("p", { class: `verdict ${seen.length ? "warn" : "good"}` }, seen.length ? t("switches.some", { n: seen.length }) : t("switches.none")),
    seen.length ? table(t("screen.switches"), [
      { head: t("scope"), cell: scope }, { head: t("who"), cell: (row) => row.by }, { head: t("when"), cell: (row) => time(row.at) },
      { head: t("do"), cell: (row) => ops ? h("button", { type: "button", onclick: () => lift(row) }, t("unpause")) : "–" },
    ], seen) : null,
    ops ? card(t("pause"), h("p", {}, t("pause.why")), asking) : null,
  ];
}

export const screens = {
  messages: { roles: SEES, show: messages },
  job: { roles: SEES, show: job, under: "messages", live: true, title: ({ names }) => names[2] },
  "in-doubt": { roles: SEES, show: doubts, live: true },
  "dead-letters": { roles: SEES, show: letters },
  switches: { roles: READERS, show: switches },
};
