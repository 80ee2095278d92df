// The law of the house: its packs in words, a change as a form beside its text, what it would have done, and who said yes.

import { at, get, post } from "./api.js";
import { compared, difference } from "./difference.js";
import { ask, card, facts, field, form, h, link, reason, shown, table, time } from "./dom.js";
import { jobLink } from "./ops.js";
import { READERS } from "./roles.js";
import { ago, language, number, t, term, when } from "./words.js";

const TYPING_MS = 500;

async function policies({ names, me }) {
  const packs = await get("/v1/policies");
  if (!names.length) {
    return [h("p", {}, t("policies.sentence", { n: packs.length })), table(t("screen.policies"), [
      { head: t("pack"), cell: (row) => link(`#/policies/${row.code}`, row.code) }, { head: t("name"), cell: (row) => said(row.text, "title") },
      { head: t("version"), cell: (row) => row.label.split("@")[1] },
      { head: t("rules"), cell: (row) => number((row.text.match(/^\s*- id:/gm) ?? []).length), kind: "number" },
    ], packs)];
  }
  const pack = packs.find((one) => one.code === names[0]);
  if (!pack) return h("p", { class: "empty" }, t("nothing"));
  const [looked, proposed] = await Promise.all([
    post("/v1/policies/draft", { code: pack.code, text: pack.text }), get("/v1/policies/proposals", { code: pack.code }),
  ]);
  return [
    h("p", {}, t("pack.in_force", { label: pack.label }), " ", said(pack.text, "title")),
    me.roles.includes("compliance") ? editor(pack, looked)
      : [looked.rules.map((rule) => h("section", { class: "card rule" }, inWords(rule))),
        h("details", {}, h("summary", {}, t("pack.as_text")), h("pre", {}, pack.text))],
    card(t("pack.history"), proposalTable(proposed, t("pack.history"))),
  ];
}

/** What a text says under a key of its first column. */
const said = (text, key) => (text.match(new RegExp(`^${key}:\\s*(.*)$`, "m"))?.[1] ?? "").replace(/^["']|["']$/g, "");

/** A rule as people say it, in every language of the house, with its source. */
const inWords = (rule, { sourced = true } = {}) => [
  h("h2", {}, rule.id, " ", h("span", { class: "faint" }, `${term("force", rule.force)} · ${term("sure", rule.status)}`),
    rule.change ? h("span", { class: `badge ${rule.change === "changed" ? "warn" : "calm"}` }, term("change", rule.change)) : null),
  readings(rule.reading).map(([tongue, text]) => h("p", { class: "reading", lang: tongue === "zh" ? "zh-CN" : "en" }, text)),
  sourced ? h("p", { class: "faint" }, t("source"), " ", rule.source) : null,
];

/** The languages in which a rule is read out, the reader's first. */
const readings = (reading) => Object.entries(reading).sort(([a], [b]) => (b === language) - (a === language));

/** A change: its figures as a form, and beside it the text, each of which follows the other. */
function editor(pack, first) {
  let looked = first, turn = 0, typing = null;
  const text = h("textarea", { id: "f-text", rows: 30, spellcheck: "false" }, pack.text);
  const rules = h("div", { class: "rulecards" }), told = h("div", { "aria-live": "polite" }), changed = h("div", {});
  const draft = h("p", { class: "verdict warn", role: "status", hidden: true }, t("draft"));
  const look = async (edits = [], agree = false) => {
    const mine = turn += 1;
    try {
      const seen = await post("/v1/policies/draft", { code: pack.code, text: text.value, edits: edits.length ? [...versioned(), ...edits] : edits, agree });
      if (mine !== turn) return;
      looked = seen;
      if (text.value !== seen.text) text.value = seen.text;
      draw();
    } catch (error) {
      if (mine === turn) told.replaceChildren(h("p", { class: "trouble" }, error.message));
    }
  };
  /** A change needs a version of its own: that of today, unless somebody wrote one. */
  const versioned = () => looked.version === first.version ? [{ rule: "", path: ["version"], value: nextVersion(first.version) }] : [];
  const draw = () => {
    const inside = rules.contains(document.activeElement) ? document.activeElement.id : null;
    rules.replaceChildren(...looked.rules.map((rule) => h("section", { class: `card rule ${rule.change ? "changed" : ""}` }, inWords(rule, { sourced: false }),
      rule.places.length ? h("div", { class: "fields" }, rule.places.map((place) => placeField(rule, place, look))) : null)));
    if (inside) document.getElementById(inside)?.focus();
    told.replaceChildren(...verdicts(pack, text.value, looked, first, look));
    draft.hidden = text.value === pack.text;
    changed.replaceChildren(difference(pack.text, text.value));
  };
  text.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(look, TYPING_MS); });
  draw();
  const asking = form([field("effective_from", t("effective"), { type: "datetime-local" }), reason(t("pack.reason"))], t("propose"), async (given) => {
    const begins = given.effective_from ? { effective_from: new Date(given.effective_from).toISOString() } : {};
    const made = await post("/v1/policies/proposals", { code: pack.code, text: text.value, reason: given.reason, ...begins });
    location.hash = `#/proposal/${made.id}`;
  }, { kind: "main" });
  return [
    draft,
    h("div", { class: "editor" }, rules, h("div", { class: "written" }, h("label", { for: "f-text" }, t("pack.text")), text)),
    h("section", { class: "card" }, h("h2", {}, t("propose.heading")), told, asking),
    card(t("difference"), changed),
  ];
}

function nextVersion(now) {
  const today = new Date().toISOString().slice(0, 10), [date, number_] = now.split(/\.(?=\d+$)/);
  return date === today ? `${today}.${Number(number_ ?? 0) + 1}` : `${today}.1`;
}

/** One figure of a rule as a field, in force as soon as it is left. */
function placeField(rule, place, look) {
  const path = place.path.join("."), day = place.path[0] === "hours" ? place.path[1] : null;
  const label = day ? t("place.hours", { days: day.split("-").map((one) => term("day", one)).join("–") }) : term("place", path);
  const kind = path === "source" ? { rows: 2 } : { number: { type: "number", min: 0, max: 100000 }, hours: { placeholder: "08:00-21:00" } }[place.sort] ?? {};
  const shown = field(`${rule.id}-${path}`, label, { value: String(place.value), autocomplete: "off", ...kind },
    place.choices.length ? place.choices.map((word) => [word, term("choice", word)]) : null);
  const control = shown.querySelector("input, select, textarea");
  control.removeAttribute("name"); // it is no answer of the form below
  control.addEventListener("change", () => {
    const value = place.sort === "number" ? Number(control.value) : control.value;
    if (place.sort !== "number" || (control.value !== "" && Number.isInteger(value))) look([{ rule: rule.id, path: place.path, value }]);
  });
  return shown;
}

/** What is to be said of a draft: its mistakes, its examples that say otherwise, whether it is looser. */
function verdicts(pack, text, looked, first, look) {
  if (text === pack.text) return [h("p", { class: "empty" }, t("difference.none"))];
  const found = looked.faults.length ? [h("div", { class: "trouble", role: "alert" }, looked.faults.map((fault) => h("p", {}, fault)))] : [];
  if (looked.examples.length) {
    found.push(h("div", { class: "verdict warn" }, h("p", {}, t("examples", { n: looked.examples.length })),
      h("details", {}, h("summary", {}, t("examples.which")), h("ul", {}, looked.examples.map((one) => h("li", {}, one)))),
      h("button", { type: "button", onclick: () => look([], true) }, t("examples.agree"))));
  }
  const before = new Map(first.rules.map((rule) => [rule.id, rule.source]));
  const unsourced = looked.rules.filter((rule) => rule.change && before.get(rule.id) === rule.source).map((rule) => rule.id);
  if (unsourced.length) found.push(h("p", { class: "verdict calm" }, t("draft.source", { rules: unsourced.join(", ") })));
  if (!looked.faults.length && !looked.examples.length) found.push(h("p", { class: `verdict ${looked.looser ? "warn" : "good"}` }, t(looked.looser ? "draft.looser" : "draft.stricter")));
  return found;
}

const proposalTable = (rows, caption) => table(caption, [
  { head: t("pack"), cell: (row) => link(`#/proposal/${row.id}`, row.code) }, { head: t("state"), cell: (row) => term("proposal", row.state) },
  { head: t("effect"), cell: (row) => row.looser ? t("looser") : t("stricter") }, { head: t("who"), cell: (row) => row.proposer },
  { head: t("when"), cell: (row) => time(row.proposed_at) }, { head: t("decided"), cell: (row) => row.decider ? [row.decider, " ", time(row.decided_at)] : "–" },
  { head: t("effective"), cell: (row) => time(row.effective_from) }, { head: t("why"), cell: (row) => row.reason },
], rows, t("proposals.none"));

async function proposals({ query }) {
  const seen = await get("/v1/policies/proposals", { state: query.state });
  return [
    h("p", { class: "tabs" }, ["", "open", "approved", "published", "returned"].map((word) => h("a", {
      href: word ? `#/proposals?state=${word}` : "#/proposals", "aria-current": word === (query.state ?? "") ? "true" : false,
    }, word ? term("proposal", word) : t("all")))),
    proposalTable(seen, t("screen.proposals")),
  ];
}

async function proposal({ names, me, again, onleave }) {
  const [one, packs] = await Promise.all([get(`/v1/policies/proposals/${at(names[0])}`), get("/v1/policies")]);
  const now = packs.find((pack) => pack.code === one.code) ?? { text: "", label: "" };
  const tried = h("section", { class: "card" }, h("h2", {}, t("backtest")), h("p", {}, t("backtest.why")));
  if (one.state === "open") backtest(tried, one);
  else tried.append(h("button", { type: "button", onclick: (event) => { event.target.remove(); backtest(tried, one); } }, t("backtest.run")));
  const decide = (word) => ask(t(word), t(`${word}.effect`, { pack: one.code, at: when(one.effective_from) }),
    [field("comment", t("comment"), { required: true, minlength: 3, maxlength: 500 })], t(`${word}.button`, { pack: one.code }),
    async (given) => { await post(`/v1/policies/proposals/${at(one.id)}/${word}`, given, { "If-Match": `"${one.digest}"` }); again(); });
  const mine = one.proposer === me.id, judges = one.text === now.text;
  const coming = ["approved", "published"].includes(one.state) && !judges, stale = one.state === "open" && one.base !== now.label;
  if (coming) onleave(clearTimeout.bind(null, setTimeout(again, 2000)));
  return [
    judges && one.state !== "open" ? h("p", { class: "verdict good" }, t("proposal.judges", { pack: one.code }))
      : h("p", { class: `verdict ${one.looser ? "warn" : "calm"}` }, t(one.looser ? "proposal.looser" : "proposal.stricter", { pack: one.code })),
    coming ? h("p", { role: "status" }, t("proposal.coming", { at: when(one.effective_from), in: ago(one.effective_from) })) : null,
    stale ? h("p", { class: "verdict bad" }, t("proposal.stale", { base: one.base, now: now.label })) : null,
    facts([[t("state"), term("proposal", one.state)], [t("pack"), link(`#/policies/${one.code}`, one.code)], [t("who"), one.proposer], [t("when"), time(one.proposed_at)], [t("why"), one.reason],
      [t("effective"), time(one.effective_from)], ...(one.decider ? [[t("decided"), [one.decider, " ", time(one.decided_at)]], [t("comment"), one.comment ?? "–"]] : [])]),
    one.state === "open" && me.roles.includes("compliance")
      ? h("div", { class: "buttons" },
        mine ? h("p", {}, t("proposal.own")) : [h("button", { type: "button", class: "main", onclick: () => decide("approve") }, t("approve")),
          h("button", { type: "button", onclick: () => decide("return") }, t("return"))])
      : null,
    await wordsOf(one, now.text),
    tried,
    card(t("difference"), difference(now.text, one.text)),
  ];
}

/** The rules that a proposal changes, as they are and as they would be, in words. */
async function wordsOf(one, before) {
  const [then, next] = await Promise.all([before, one.text].map((text) => text ? post("/v1/policies/draft", { code: one.code, text }) : { rules: [] }));
  const of = (looked, id) => looked.rules.find((rule) => rule.id === id)?.reading ?? {};
  const told = (reading, other, mark) => readings(reading).map(([tongue, text]) => h("p", { class: "reading", lang: tongue === "zh" ? "zh-CN" : "en" },
    marked(text, other[tongue] ?? "", tongue, mark)));
  return card(t("changes"), table(t("changes"), [
    { head: t("rule"), kind: "word", cell: ([rule, what]) => [rule, h("div", { class: "faint" }, term("change", what))] },
    { head: t("now"), cell: ([rule]) => told(of(then, rule), of(next, rule), "del") }, { head: t("proposed"), cell: ([rule]) => told(of(next, rule), of(then, rule), "ins") },
  ], Object.entries(one.changes), t("difference.none")));
}

/** A text with what another lacks marked: words, or the characters of a language without blanks. */
function marked(text, other, tongue, mark) {
  const split = (one) => tongue === "zh" ? [...one] : one.split(/(?<= )/);
  return other ? compared(split(other), split(text)).filter(([sign]) => sign !== "-").map(([sign, part]) => sign === "+" ? h(mark, {}, part) : part) : text;
}

async function backtest(section, one) {
  const waiting = h("p", { role: "status" }, t("backtest.running"), " ", h("progress", { "aria-label": t("backtest.running") }));
  section.append(waiting);
  try {
    const seen = await get(`/v1/policies/proposals/${at(one.id)}/backtest`, { days: 30 });
    section.replaceChildren(h("h2", {}, t("backtest")), ...shown(outcome(seen)));
  } catch (error) {
    waiting.replaceChildren(error.message);
  }
}

function outcome(seen) {
  const effects = Object.entries(seen.effects ?? {}), { blocked = 0, sent = 0 } = seen.effects ?? {};
  return [
    h("p", { class: `verdict ${sent ? "warn" : "calm"}` }, t("backtest.sentence", { n: seen.decisions, blocked, sent })),
    table(t("effect"), [{ head: t("effect"), cell: ([word]) => term("effect", word) }, { head: t("count"), cell: ([, n]) => number(n), kind: "number" }], effects, t("backtest.same")),
    seen.irreproducible ? h("p", { class: "faint" }, t("backtest.unproven", { n: seen.irreproducible })) : null,
    (seen.rules ?? []).length ? table(t("rules"), [
      { head: t("rule"), cell: (row) => row.rule }, { head: t("effect"), cell: (row) => term("effect", row.change) }, { head: t("count"), cell: (row) => number(row.decisions), kind: "number" },
    ], seen.rules) : null,
    h("details", {}, h("summary", {}, t("backtest.places")), placeTable(seen.places ?? [])),
    ["blocked", "sent", "later", "earlier"].filter((effect) => seen.samples?.[effect]?.length).map((effect) => h("details", {},
      h("summary", {}, `${term("effect", effect)}: ${t("samples", { n: seen.samples[effect].length })}`), sampleTable(effect, seen.samples[effect]))),
  ];
}

/** Where it would make a difference: a line for each place and channel, a column for each effect. */
function placeTable(rows) {
  const effects = [...new Set(rows.map((row) => row.effect))], lines = new Map();
  for (const row of rows) {
    const key = `${row.jurisdiction} ${row.channel}`;
    lines.set(key, { ...(lines.get(key) ?? { jurisdiction: row.jurisdiction, channel: row.channel }), [row.effect]: row.decisions });
  }
  return table(t("backtest.places"), [
    { head: t("jurisdictions"), cell: (row) => row.jurisdiction || "–" }, { head: t("channel"), cell: (row) => term("channel", row.channel) },
    ...effects.map((effect) => ({ head: term("effect", effect), kind: "number", cell: (row) => number(row[effect] ?? 0) })),
  ], [...lines.values()].sort((a, b) => a.jurisdiction.localeCompare(b.jurisdiction) || a.channel.localeCompare(b.channel)));
}

const sampleTable = (effect, rows) => table(term("effect", effect), [
  { head: t("job"), cell: (row) => row.recipient ? jobLink({ tenant: row.tenant, recipient_id: row.recipient, id: row.job_id }) : row.job_id },
  { head: t("channel"), cell: (row) => term("channel", row.channel) }, { head: t("when"), cell: (row) => time(row.at) },
  { head: t("was"), cell: (row) => decided(row.was) }, { head: t("would_be"), cell: (row) => decided(row.would_be) },
], rows);

const decided = (one) => [term("decision", one.decision), one.decision === "defer" && one.earliest ? [" ", time(one.earliest)] : null,
  one.blocked_by.length ? h("div", { class: "faint" }, one.blocked_by.join(", ")) : null];

export const screens = {
  policies: { roles: READERS, show: policies, title: ({ names }) => names[0] ?? t("screen.policies") },
  proposals: { roles: READERS, show: proposals },
  proposal: { roles: READERS, show: proposal, under: "proposals", title: () => t("screen.proposal") },
};
