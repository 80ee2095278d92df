// What compliance officers look at: the law in force, what somebody wants of it and what that would have done, who said
// stop, a person's contacts, the texts, and the evidence.

import { at, get, order, post } from "./api.js";
import { ask, bars, card, facts, field, form, h, link, state, table, time } from "./dom.js";
import { jobColumns, jobLink, personLink } from "./ops.js";
import { number, t, term, when } from "./words.js";

const READERS = ["ops", "compliance", "auditor", "admin"];
const SEES = ["ops", "compliance", "auditor"];
const reason = (label = t("reason")) => field("reason", label, { required: true, minlength: 3, maxlength: 500 });

async function policies({ names, me }) {
  const packs = await get("/v1/policies");
  if (!names.length) {
    return [h("p", {}, t("policies.sentence", { n: packs.length })), table(t("screen.policies"), [
      { head: t("pack"), cell: (row) => link(`#/policies/${row.code}`, row.code) }, { head: t("version"), cell: (row) => row.label.split("@")[1] },
      { head: t("rules"), cell: (row) => number((row.text.match(/^\s*- id:/gm) ?? []).length), kind: "number" },
    ], packs)];
  }
  const pack = packs.find((one) => one.code === names[0]);
  if (!pack) return h("p", { class: "empty" }, t("nothing"));
  if (!me.roles.includes("compliance")) return [h("p", {}, pack.label), h("pre", {}, pack.text)];
  const before = h("section", { class: "card" }, h("h2", {}, t("difference")), h("p", { class: "empty" }, t("difference.none")));
  const asking = form([
    field("text", t("pack.text"), { rows: 24, value: pack.text, spellcheck: "false", required: true }),
    field("effective_from", t("effective"), { type: "datetime-local" }), reason(t("pack.reason")),
  ], t("propose"), async (given) => {
    const begins = given.effective_from ? { effective_from: new Date(given.effective_from).toISOString() } : {};
    const text = document.getElementById("f-text").value;
    const made = await post("/v1/policies/proposals", { code: pack.code, text, reason: given.reason, ...begins });
    location.hash = `#/proposal/${made.id}`;
  }, { kind: "main" });
  asking.addEventListener("input", () => before.replaceChildren(h("h2", {}, t("difference")),
    difference(pack.text, document.getElementById("f-text")?.value ?? pack.text)));
  return [h("p", {}, t("pack.in_force", { label: pack.label })), asking, before];
}

/** The lines that differ between two texts, marked, with a few around them. */
function difference(old, fresh) {
  const lines = compared(old.split("\n"), fresh.split("\n"));
  if (lines.every(([mark]) => mark === " ")) return h("p", { class: "empty" }, t("difference.none"));
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - 3), i + 4).some(([mark]) => mark !== " "));
  const names = { " ": "span", "-": "del", "+": "ins" };
  return h("pre", { class: "difference" }, lines.map(([mark, line], i) => near[i]
    ? h(names[mark], {}, `${mark} ${line}\n`)
    : near[i - 1] ? h("span", { class: "faint" }, "  …\n") : null));
}

/** Every line of two texts with its mark, by their longest common subsequence; what both begin and end with is set aside. */
function compared(a, b) {
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const x = a.slice(head, a.length - tail), y = b.slice(head, b.length - tail), wide = y.length + 1;
  const run = new Uint16Array((x.length + 1) * wide);
  for (let i = x.length - 1; i >= 0; i -= 1) {
    for (let j = y.length - 1; j >= 0; j -= 1) {
      run[i * wide + j] = x[i] === y[j] ? run[(i + 1) * wide + j + 1] + 1 : Math.max(run[(i + 1) * wide + j], run[i * wide + j + 1]);
    }
  }
  const found = a.slice(0, head).map((line) => [" ", line]);
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { found.push([" ", x[i]]); i += 1; j += 1; }
    else if (i < x.length && (j >= y.length || run[(i + 1) * wide + j] >= run[i * wide + j + 1])) { found.push(["-", x[i]]); i += 1; }
    else { found.push(["+", y[j]]); j += 1; }
  }
  return [...found, ...a.slice(a.length - tail).map((line) => [" ", line])];
}

async function proposals({ query }) {
  const seen = await get("/v1/policies/proposals", { state: query.state });
  return [
    h("p", {}, ["", "open", "approved", "published", "returned"].map((word) => [link(word ? `#/proposals?state=${word}` : "#/proposals", word ? term("proposal", word) : t("all")), " "])),
    table(t("screen.proposals"), [
      { head: t("pack"), cell: (row) => link(`#/proposal/${row.id}`, row.code) }, { head: t("state"), cell: (row) => term("proposal", row.state) },
      { head: t("effect"), cell: (row) => row.looser ? t("looser") : t("stricter") }, { head: t("who"), cell: (row) => row.proposer },
      { head: t("when"), cell: (row) => time(row.proposed_at) }, { head: t("effective"), cell: (row) => time(row.effective_from) },
      { head: t("why"), cell: (row) => row.reason },
    ], seen, t("proposals.none")),
  ];
}

async function proposal({ names, me, again, onleave }) {
  const [one, packs] = await Promise.all([get(`/v1/policies/proposals/${at(names[0])}`), get("/v1/policies")]);
  const now = packs.find((pack) => pack.code === one.code)?.text ?? "";
  const tried = h("section", { class: "card" }, h("h2", {}, t("backtest")), h("p", {}, t("backtest.why")),
    h("button", { type: "button", onclick: (event) => backtest(event.target, tried, one) }, t("backtest.run")));
  const decide = (word) => ask(t(word), t(`${word}.effect`, { pack: one.code, at: when(one.effective_from) }),
    [field("comment", t("comment"), { required: true, minlength: 3, maxlength: 500 })], t(`${word}.button`, { pack: one.code }),
    async (given) => { await post(`/v1/policies/proposals/${at(one.id)}/${word}`, given, { "If-Match": `"${one.digest}"` }); again(); });
  const mine = one.proposer === me.id, judges = one.text === now;
  if (["approved", "published"].includes(one.state) && !judges) onleave(clearTimeout.bind(null, setTimeout(again, 2000)));
  return [
    judges && one.state !== "open" ? h("p", { class: "verdict good" }, t("proposal.judges", { pack: one.code }))
      : h("p", { class: `verdict ${one.looser ? "warn" : "calm"}` }, one.looser ? t("proposal.looser", { pack: one.code }) : t("proposal.stricter", { pack: one.code })),
    facts([[t("state"), term("proposal", one.state)], [t("who"), one.proposer], [t("when"), time(one.proposed_at)], [t("why"), one.reason],
      [t("effective"), time(one.effective_from)], [t("decided"), one.decider ? [one.decider, " ", time(one.decided_at)] : "–"], [t("comment"), one.comment ?? "–"]]),
    one.state === "open" && me.roles.includes("compliance")
      ? h("div", { class: "buttons" },
        mine ? h("p", {}, t("proposal.own")) : [h("button", { type: "button", class: "main", onclick: () => decide("approve") }, t("approve")),
          h("button", { type: "button", onclick: () => decide("return") }, t("return"))])
      : null,
    card(t("changes"), table(t("changes"), [{ head: t("rule"), cell: ([rule]) => rule }, { head: t("effect"), cell: ([, what]) => term("change", what) }],
      Object.entries(one.changes), t("difference.none"))),
    tried,
    card(t("difference"), difference(now, one.text)),
  ];
}

async function backtest(button, section, one) {
  button.disabled = true;
  const waiting = h("p", { role: "status" }, t("backtest.running"), " ", h("progress", {}));
  section.append(waiting);
  try {
    const seen = await get(`/v1/policies/proposals/${at(one.id)}/backtest`, { days: 30 });
    section.replaceChildren(h("h2", {}, t("backtest")), ...outcome(seen));
  } catch (error) {
    waiting.replaceChildren(error.message);
    button.disabled = false;
  }
}

function outcome(seen) {
  const effects = Object.entries(seen.effects ?? {});
  const samples = Object.entries(seen.samples ?? {}).flatMap(([effect, rows]) => rows.map((row) => ({ effect, ...row })));
  return [
    h("p", {}, t("backtest.read", { n: seen.decisions })),
    table(t("effect"), [{ head: t("effect"), cell: ([word]) => term("effect", word) }, { head: t("count"), cell: ([, n]) => number(n), kind: "number" }], effects, t("backtest.same")),
    (seen.rules ?? []).length ? table(t("rules"), [
      { head: t("rule"), cell: (row) => row.rule }, { head: t("effect"), cell: (row) => term("effect", row.change) }, { head: t("count"), cell: (row) => number(row.decisions), kind: "number" },
    ], seen.rules) : null,
    (seen.places ?? []).length ? table(t("jurisdictions"), [
      { head: t("jurisdictions"), cell: (row) => row.jurisdiction }, { head: t("channel"), cell: (row) => term("channel", row.channel) },
      { head: t("effect"), cell: (row) => term("effect", row.effect) }, { head: t("count"), cell: (row) => number(row.decisions), kind: "number" },
    ], seen.places) : null,
    samples.length ? h("details", {}, h("summary", {}, t("samples", { n: samples.length })), h("pre", {}, samples.map((one) => JSON.stringify(one)).join("\n"))) : null,
  ];
}

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

async function person({ names, me, again }) {
  const [tenant, name] = names, seen = await get(`/v1/people/${at(tenant, name)}/calendar`);
  const days = Array.from({ length: 14 }, (_, i) => { const day = new Date(); day.setDate(day.getDate() - 13 + i); return day.toISOString().slice(0, 10); });
  const counted = seen.contacts.filter((one) => !one.taken_back && one.direction !== "inbound");
  const stop = () => ask(t("stop"), t("stop.effect", { person: name }),
    [field("reason", t("stop.reason"), { value: "opted_out" }, ["opted_out", "dispute", "attorney", "deceased", "bankruptcy"].map((word) => [word, term("standing", word)]))],
    t("stop.button", { person: name }), async (given) => { await order("stop", me.id, { tenant, recipient_id: name, reason: given.reason }); setTimeout(again, 1500); }, { kind: "danger" });
  return [
    facts([[t("tenant"), tenant], [t("contacts"), number(counted.length)], [t("waiting"), number(seen.waiting.length)]]),
    h("div", { class: "buttons" },
      me.roles.some((role) => ["ops", "compliance", "producer"].includes(role)) ? h("button", { type: "button", onclick: stop }, t("stop")) : null,
      me.roles.some((role) => ["compliance", "auditor"].includes(role)) ? link(`#/evidence?${new URLSearchParams({ tenant, recipient_id: name })}`, t("screen.evidence")) : null),
    card(t("calendar"), bars(t("calendar"), t("calendar.sentence", { n: counted.filter((one) => one.at.slice(0, 10) >= days[7]).length }),
      days.map((day) => [day, counted.filter((one) => one.at.slice(0, 10) === day).length]))),
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
  ];
}

async function templates({ query }) {
  const listed = await get("/v1/templates"), shown = h("section", { class: "card", "aria-live": "polite" });
  const view = async (template, locale, channel) => {
    const seen = await post("/v1/templates/preview", { template, locale, channel }).catch((error) => error);
    shown.replaceChildren(h("h2", {}, `${template} · ${locale} · ${term("channel", channel)}`),
      seen instanceof Error ? h("p", { class: "trouble" }, seen.errors?.[0]?.message ?? seen.message) : h("div", { class: "phone", lang: seen.locale },
        seen.title ? h("strong", {}, seen.title) : null, h("p", { class: "message" }, seen.text)),
      seen.segments ? facts([[t("encoding"), seen.segments.encoding], [t("segments"), number(seen.segments.segments)], [t("units"), seen.segments.units_per_segment.join(", ")]]) : null,
      seen.version ? h("p", { class: "faint" }, seen.version) : null);
    shown.scrollIntoView({ block: "nearest" });
  };
  if (query.template) await view(query.template, query.locale, query.channel);
  return [
    table(t("screen.templates"), [
      { head: t("template"), cell: (row) => row.template }, { head: t("language"), cell: (row) => row.locale },
      { head: t("channels"), cell: (row) => Object.keys(row.channels).map((channel) => [h("button", { type: "button", class: "quiet", onclick: () => view(row.template, row.locale, channel) }, term("channel", channel)), " "]) },
    ], listed),
    shown,
  ];
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
  policies: { roles: READERS, show: policies, title: ({ names }) => names[0] ?? t("screen.policies") },
  proposals: { roles: READERS, show: proposals },
  proposal: { roles: READERS, show: proposal, under: "proposals", title: () => t("screen.proposal") },
  states: { roles: SEES, show: states },
  person: { roles: SEES, show: person, under: "messages", title: ({ names }) => names[1] },
  templates: { roles: READERS, show: templates },
  evidence: { roles: ["compliance", "auditor"], show: evidence },
};
