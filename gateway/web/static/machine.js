// What carries the messages: providers, side by side, and what the gateway itself stands on.

import { get } from "./api.js";
import { card, count, facts, h, link, state, table, time } from "./dom.js";
import { jobLink, scope, search } from "./ops.js";
import { has, READERS, SEES } from "./roles.js";
import { ago, number, percent, t, term } from "./words.js";

const HANDED = ["delivered", "sent", "presumed_sent", "undelivered", "in_doubt"];
const TROUBLED = ["taken_back", "undelivered", "in_doubt", "presumed_sent"];
const STANDING = ["sent", "delivered", "undelivered", "in_doubt", "presumed_sent"]; // words of a send that are those of its job too

async function providers({ me, query }) {
  const days = Number(query.days ?? 1), sees = has(me, SEES);
  const [rows, switched] = await Promise.all([get("/v1/providers", { days }), get("/v1/switches")]);
  const pauses = (row) => switched.filter((one) => concerns(one, row));
  return [
    h("p", { class: "tabs" }, [1, 7, 30].map((n) => h("a", { href: `#/providers?days=${n}`, "aria-current": n === days ? "true" : false }, t("days", { n })))),
    rows.length ? compared(rows, pauses) : h("p", { class: "empty" }, t("providers.empty")),
    h("div", { class: "panes" }, rows.map((row) => pane(row, pauses(row), sees))),
  ];
}

/** Whether a pause holds up something of what would go to a provider. */
const concerns = (pause, row) => (!pause.provider || pause.provider === row.provider) && (!pause.channel || pause.channel === row.channel);

const summed = (row, words) => words.reduce((sum, word) => sum + (row.states[word] ?? 0), 0);
const delivered = (row) => row.report && summed(row, HANDED) ? percent((row.states.delivered ?? 0) / summed(row, HANDED)) : "–";
const rank = (took, which) => took ? duration(took[which]) : "–";

/** A line for each, so that any two can be laid beside each other. */
function compared(rows, pauses) {
  return card(t("providers.compared"), table(t("providers.compared"), [
    { head: t("provider"), cell: (row) => row.provider }, { head: t("channel"), cell: (row) => term("channel", row.channel) },
    { head: t("sends"), cell: (row) => number(Object.values(row.states).reduce((sum, n) => sum + n, 0)), kind: "number" },
    { head: t("providers.delivered"), cell: delivered, kind: "number" },
    { head: t("providers.wrong"), cell: (row) => number(summed(row, TROUBLED)), kind: "number" },
    { head: t("answer.p50"), cell: (row) => rank(row.answer, "p50_ms"), kind: "number" },
    { head: t("answer.p99"), cell: (row) => rank(row.answer, "p99_ms"), kind: "number" },
    { head: t("report.p50"), cell: (row) => rank(row.report, "p50_ms"), kind: "number" },
    { head: t("report.p95"), cell: (row) => rank(row.report, "p95_ms"), kind: "number" },
    { head: t("pause"), cell: (row) => pauses(row).map((one) => h("div", {}, scope(one))) },
  ], rows), h("p", { class: "faint" }, t("providers.times", { n: 1000 })));
}

function pane(row, pauses, sees) {
  const of = { provider: row.provider, channel: row.channel };
  const linked = (query, text) => sees ? link(search(query), text) : text;
  return h("section", { class: "card" }, h("h2", {}, row.provider, " ", h("span", { class: "faint" }, term("channel", row.channel))),
    pauses.map((one) => h("p", { class: "verdict warn" }, t("providers.paused", { by: one.by ?? "–", at: ago(one.at), scope: scope(one) }))),
    pauses.length ? null : h("p", { class: "faint" }, t("providers.open")),
    facts([
      [t("providers.delivered"), delivered(row)],
      [t("answer.p50"), rank(row.answer, "p50_ms")], [t("answer.p99"), rank(row.answer, "p99_ms")],
      [t("report.p50"), rank(row.report, "p50_ms")], [t("report.p95"), rank(row.report, "p95_ms")],
    ]),
    h("ul", { class: "legend" }, Object.entries(row.states).sort((a, b) => b[1] - a[1]).map(([word, n]) => h("li", {}, state(word), " ",
      count(n, sees && STANDING.includes(word) ? search({ ...of, status: word }) : null)))),
    h("h3", {}, t("errors")),
    table(t("errors.of", { provider: row.provider }), [
      { head: t("code"), cell: (one) => [one.code ? h("code", {}, one.code) : t("errors.no_code"), h("div", { class: "faint" }, term("state", one.state))] },
      { head: t("reason_now"), cell: (one) => linked({ provider: row.provider, ...(one.reason ? { reason: one.reason } : {}) }, one.reason ? term("code", one.reason) : t("errors.gone_on")) },
      { head: t("count"), cell: (one) => number(one.messages), kind: "number" },
      { head: t("last"), cell: (one) => [time(one.last), h("div", { class: "faint" }, t("first", { at: ago(one.first) }))] },
      { head: t("sample"), cell: (one) => one.recipient_id ? jobLink(one) : "–" },
    ], row.errors, t("errors.none")));
}

/** Milliseconds as people read them. */
const duration = (ms) => ms < 1000 ? t("took.ms", { n: ms }) : ms < 120_000 ? t("took.s", { n: Math.round(ms / 100) / 10 })
  : ms < 7_200_000 ? t("took.min", { n: Math.round(ms / 60_000) }) : t("took.h", { n: Math.round(ms / 3_600_000) });

async function engine() {
  const { lines } = await get("/v1/engine"), wrong = lines.filter((one) => ["bad", "warn"].includes(one.state));
  return [
    h("p", { class: `verdict ${wrong.some((one) => one.state === "bad") ? "bad" : wrong.length ? "warn" : "good"}` },
      wrong.length ? t("engine.wrong", { n: wrong.length }) : t("engine.good")),
    table(t("screen.engine"), [
      { head: t("what"), cell: (row) => named(row.name) },
      { head: t("value"), cell: (row) => row.value },
      { head: t("state"), cell: (row) => row.state === "plain" ? "" : state(row.state) },
      { head: t("do"), cell: (row) => row.advice ? term("advice", row.advice) : "" },
    ], lines),
    h("p", {}, link("/metrics", t("engine.metrics"))),
  ];
}

/** A line's name; what it has behind a space is a name of the store's or a folder. */
function named(name) {
  const [word, ...of] = name.split(" ");
  return of.length ? [term("engine", word), " ", h("code", {}, of.join(" "))] : term("engine", word);
}

export const screens = {
  providers: { roles: READERS, show: providers, live: true },
  engine: { roles: ["ops", "auditor", "admin"], show: engine, live: true },
};
