// What carries the messages: providers, side by side, and what the gateway itself stands on.

import { get } from "./api.js";
import { count, facts, h, link, state, table, time } from "./dom.js";
import { jobLink, search } from "./ops.js";
import { ago, number, percent, t, term } from "./words.js";

const READERS = ["ops", "compliance", "auditor", "admin"];
const HANDED = ["delivered", "sent", "presumed_sent", "undelivered", "in_doubt"];

async function providers({ query }) {
  const days = Number(query.days ?? 1);
  const [rows, pauses] = await Promise.all([get("/v1/providers", { days }), get("/v1/switches")]);
  return [
    h("p", { class: "tabs" }, [1, 7, 30].map((n) => h("a", { href: `#/providers?days=${n}`, "aria-current": n === days ? "true" : false }, t("days", { n })))),
    rows.length ? h("div", { class: "panes" }, rows.map((row) => pane(row, pauses.filter((one) => concerns(one, row))))) : h("p", { class: "empty" }, t("providers.empty")),
  ];
}

/** Whether a pause holds up what would go to a provider. */
const concerns = (pause, row) => (!pause.provider || pause.provider === row.provider) && (!pause.channel || pause.channel === row.channel);

function pane(row, pauses) {
  const handed = HANDED.reduce((sum, word) => sum + (row.states[word] ?? 0), 0), ms = (took, rank) => took ? duration(took[rank]) : "–";
  return h("section", { class: "card" }, h("h2", {}, row.provider, " ", h("span", { class: "faint" }, term("channel", row.channel))),
    pauses.map((one) => h("p", { class: "verdict warn" }, t("providers.paused", { by: one.by ?? "–", at: ago(one.at) }))),
    facts([
      [t("providers.delivered"), handed && row.report ? percent((row.states.delivered ?? 0) / handed) : "–"],
      [t("answer.p50"), ms(row.answer, "p50_ms")], [t("answer.p99"), ms(row.answer, "p99_ms")],
      [t("report.p50"), ms(row.report, "p50_ms")], [t("report.p99"), ms(row.report, "p99_ms")],
    ]),
    h("ul", { class: "legend" }, Object.entries(row.states).sort((a, b) => b[1] - a[1]).map(([word, n]) => h("li", {}, state(word), " ",
      count(n, search({ provider: row.provider }))))),
    h("h3", {}, t("errors")),
    table(t("errors.of", { provider: row.provider }), [
      { head: t("code"), cell: (one) => [h("code", {}, one.code), h("div", { class: "faint" }, term("state", one.state))] },
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

/** A line's name; what it has behind a space is a name of the store's. */
function named(name) {
  const [word, stream] = name.split(" ");
  return stream ? [term("engine", word), " ", h("code", {}, stream)] : term("engine", word);
}

export const screens = {
  providers: { roles: READERS, show: providers, live: true },
  engine: { roles: ["ops", "auditor", "admin"], show: engine, live: true },
};
