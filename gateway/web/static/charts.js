// Charts, drawn as SVG, each with a sentence that says it and a table behind it.

import { count, h, mood, state, table } from "./dom.js";
import { number, t, term } from "./words.js";

/** A chart of bars, with its numbers in a table behind it. */
export function bars(title, sentence, rows) {
  const most = Math.max(1, ...rows.map(([, n]) => n)), wide = 640, tall = 120, step = wide / Math.max(1, rows.length);
  const drawn = h("svg:svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": sentence, class: "bars" },
    rows.map(([name, n], i) => h("svg:rect", {
      x: i * step + 1, width: Math.max(1, step - 2), y: tall - (n / most) * tall, height: (n / most) * tall,
    }, h("svg:title", {}, `${name}: ${number(n)}`))));
  return h("figure", {}, h("figcaption", {}, sentence), drawn,
    h("details", {}, h("summary", {}, t("as_table")),
      table(title, [{ head: t("when"), cell: (r) => r[0] }, { head: t("count"), cell: (r) => number(r[1]), kind: "number" }], rows)));
}

/** Parts of a whole as one bar, with a legend that links. */
export function parts(title, pieces) {
  const whole = pieces.reduce((sum, piece) => sum + piece.n, 0) || 1;
  let at = 0;
  const drawn = h("svg:svg", { viewBox: "0 0 1000 24", preserveAspectRatio: "none", class: "parts", role: "img", "aria-label": title },
    pieces.map((piece) => {
      const width = (piece.n / whole) * 1000;
      const rect = h("svg:rect", { x: at, y: 0, width, height: 24, class: `part ${mood(piece.word)}` },
        h("svg:title", {}, `${term("state", piece.word)}: ${number(piece.n)}`));
      at += width;
      return rect;
    }));
  return h("div", {}, drawn, h("ul", { class: "legend" },
    pieces.map((piece) => h("li", {}, state(piece.word), " ", count(piece.n, piece.href)))));
}

/** A column for each day (or hour), stacked by sorts: `rows` are `{name, values: {sort: n}}`, `sorts` `{key, label, mood}`. */
export function columns(title, sentence, rows, sorts) {
  const sum = (row) => sorts.reduce((all, { key }) => all + (row.values[key] ?? 0), 0);
  const most = Math.max(1, ...rows.map(sum)), wide = 900, tall = 150, step = wide / Math.max(1, rows.length);
  const drawn = h("svg:svg", { viewBox: `0 0 ${wide} ${tall}`, preserveAspectRatio: "none", role: "img", "aria-label": sentence, class: "columns" },
    rows.map((row, i) => {
      let top = tall;
      return sorts.map(({ key, label, mood: looks }) => {
        const n = row.values[key] ?? 0, high = (n / most) * tall;
        top -= high;
        return n ? h("svg:rect", { x: i * step + step * 0.1, width: step * 0.8, y: top, height: high, class: `part ${looks}` },
          h("svg:title", {}, `${row.name} · ${label}: ${number(n)}`)) : null;
      });
    }));
  return h("figure", {}, h("figcaption", {}, sentence), drawn,
    h("p", { class: "ends" }, h("span", {}, rows[0]?.name ?? ""), h("span", {}, rows[rows.length - 1]?.name ?? "")),
    h("ul", { class: "legend" }, sorts.map(({ label, mood: looks }) => h("li", {}, h("span", { class: `swatch ${looks}`, "aria-hidden": "true" }), label))),
    h("details", {}, h("summary", {}, t("as_table")), table(title, [{ head: t("when"), cell: (row) => row.name },
      ...sorts.map(({ key, label }) => ({ head: label, kind: "number", cell: (row) => number(row.values[key] ?? 0) }))], rows)));
}
