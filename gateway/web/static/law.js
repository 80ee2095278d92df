// What compliance officers look at beside the law itself: who said stop, a person's contacts, the texts, the evidence.

import { at, get, order, post } from "./api.js";
import { bars } from "./charts.js";
import { ask, card, facts, field, form, h, link, state, table, time } from "./dom.js";
import { jobColumns, jobLink, personLink } from "./ops.js";
import { number, t, term } from "./words.js";

const READERS = ["ops", "compliance", "auditor", "admin"];
const SEES = ["ops", "compliance", "auditor"];
const reason = (label = t("reason")) => field("reason", label, { required: true, minlength: 3, maxlength: 500 });

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
  states: { roles: SEES, show: states },
  person: { roles: SEES, show: person, under: "messages", title: ({ names }) => names[1] },
  templates: { roles: READERS, show: templates },
  evidence: { roles: ["compliance", "auditor"], show: evidence },
};
