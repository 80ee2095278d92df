// The lines that differ between two texts.

import { h } from "./dom.js";
import { t } from "./words.js";

/** The lines that differ, marked, with a few around them. */
export function difference(old, fresh) {
  const lines = compared(old.split("\n"), fresh.split("\n"));
  if (lines.every(([mark]) => mark === " ")) return h("p", { class: "empty" }, t("difference.none"));
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - 3), i + 4).some(([mark]) => mark !== " "));
  const names = { " ": "span", "-": "del", "+": "ins" };
  return h("pre", { class: "difference" }, lines.map(([mark, line], i) => near[i]
    ? h(names[mark], {}, `${mark} ${line}\n`)
    : near[i - 1] ? h("span", { class: "faint" }, "  …\n") : null));
}

/** Every line (or word) of two texts with its mark, by their longest common subsequence; what both begin and end with is set aside. */
export function compared(a, b) {
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
