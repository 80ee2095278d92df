// The answer first: whether the books balance, what needs a person, how the channels do, where jobs stand.

import { get } from "./api.js";
import { columns, parts } from "./charts.js";
import { card, count, h, link, state, table, time } from "./dom.js";
import { actColumns, search } from "./ops.js";
import { has, READERS, SEES } from "./roles.js";
import { number, percent, t, term } from "./words.js";

const SORTS = {
  went: ["delivered", "sent"], unsure: ["in_doubt", "presumed_sent"], open: ["queued", "waiting", "sending"],
  kept: ["suppressed", "expired", "cancelled", "rejected"], lost: ["failed", "undelivered"],
};
const MOOD = { went: "good", unsure: "warn", open: "plain", kept: "calm", lost: "bad" };

async function overview({ me, query }) {
  const days = Number(query.days ?? 1);
  const sees = has(me, SEES);
  const [seen, letters, proposals, acts] = await Promise.all([
    get("/v1/overview", { days }), sees ? get("/v1/dead-letters", { limit: 1 }) : null,
    get("/v1/policies/proposals", { state: "open" }), get("/v1/acts", { limit: 10 }),
  ]);
  const { books } = seen, { mood, text } = verdict(seen);
  const needs = [
    [seen.in_doubt, "#/in-doubt", "needs.doubts"], [letters?.total ?? 0, "#/dead-letters", "needs.letters"],
    [proposals.length, "#/proposals", "needs.proposals"],
  ].filter(([n]) => n);
  return [
    h("p", { class: `verdict ${mood}` }, text),
    h("p", { class: "faint" }, t("as_of"), " ", time(seen.as_of)),
    h("section", { class: "needs" }, h("h2", {}, t("needs")), needs.length
      ? h("ul", {}, needs.map(([n, href, key]) => h("li", {}, link(href, t(key, { n })))))
      : h("p", { class: "empty" }, t("needs.none"))),
    card(t("books"),
      h("p", {}, t("books.sentence", { n: books.accepted, difference: books.difference })),
      parts(t("books"), Object.entries(books.standing).sort((a, b) => b[1] - a[1]).map(([word, n]) => (
        { word, n, href: sees ? search({ status: word }) : null })))),
    card(t("channels.days", { n: days }),
      h("p", { class: "tabs" }, [1, 7, 30].map((n) => h("a", { href: `#/overview?days=${n}`, "aria-current": n === days ? "true" : false }, t("days", { n })))),
      h("div", { class: "tiles" }, seen.channels.filter((row) => row.channel).map(tile)),
      seen.days.length > 1 ? trend(seen.days) : null,
      table(t("screen.overview"), [
        { head: t("channel"), cell: (row) => term("channel", row.channel || "none") },
        { head: t("standing"), cell: (row) => Object.entries(row.standing).map(([word, n]) => h("div", {}, state(word), " ",
          count(n, search({ ...(row.channel ? { channel: row.channel } : {}), status: word })))) },
        { head: t("reasons"), cell: (row) => Object.entries(row.reasons).map(([code, n]) => h("div", {}, term("code", code), " ",
          count(n, search({ ...(row.channel ? { channel: row.channel } : {}), reason: code })))) },
      ], seen.channels, t("overview.empty"))),
    card(t("acts.last"), table(t("acts.last"), actColumns(), acts.acts, t("acts.none")), link("#/acts", t("all"))),
  ];
}

function verdict(seen) {
  if (seen.gate !== "open") return { mood: "bad", text: t("verdict.shut") };
  if (seen.books.difference) return { mood: "bad", text: t("verdict.unbalanced", { n: seen.books.difference }) };
  if (!seen.books.accepted) return { mood: "calm", text: t("verdict.nothing") };
  if (seen.in_doubt) return { mood: "warn", text: t("verdict.doubts", { n: seen.in_doubt, all: seen.books.accepted }) };
  return { mood: "good", text: t("verdict.good", { n: seen.books.accepted }) };
}

const summed = (standing, words) => words.reduce((all, word) => all + (standing[word] ?? 0), 0);

/** A channel in a few figures: what reached people, of what was handed over. */
function tile({ channel, standing }) {
  const handed = summed(standing, ["delivered", "sent", "presumed_sent", "undelivered", "in_doubt"]), held = summed(standing, SORTS.open);
  const { undelivered = 0, failed = 0, in_doubt: doubt = 0 } = standing;
  return h("section", { class: "tile" }, h("h3", {}, term("channel", channel)),
    h("p", { class: "figure" }, !handed ? "–" : channel === "call" ? number(handed) : percent((standing.delivered ?? 0) / handed)),
    h("p", { class: "faint" }, channel === "call" ? t("tile.calls") : t("tile.delivered", { n: standing.delivered ?? 0, of: handed })),
    [undelivered ? t("tile.lost", { n: undelivered }) : null, failed ? t("tile.failed", { n: failed }) : null,
      doubt ? t("tile.doubt", { n: doubt }) : null, held ? t("tile.held", { n: held }) : null].filter(Boolean).map((text) => h("p", {}, text)));
}

function trend(days) {
  const rows = days.map(({ day, standing }) => ({ name: day, values: Object.fromEntries(Object.entries(SORTS).map(([sort, words]) => [sort, summed(standing, words)])) }));
  const all = rows.reduce((sum, row) => sum + Object.values(row.values).reduce((a, b) => a + b, 0), 0);
  return columns(t("trend"), t("trend.sentence", { n: all, days: number(rows.length) }), rows,
    Object.keys(SORTS).map((key) => ({ key, label: term("sort", key), mood: MOOD[key] })));
}

export const screens = {
  overview: { roles: READERS, show: overview, live: true },
};
