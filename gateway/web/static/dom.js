// Builds pages out of values: every text becomes a text node, so nothing that comes from outside is ever markup.

import { t, term, when, number } from "./words.js";

/** An element: `h("a", {href: "#/"}, "text", [more])`. `on…` are listeners, `false` and null attributes are left out. */
export function h(name, attributes = {}, ...children) {
  const element = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...shown(children));
  return element;
}

/** What there is of a nest of lists: nulls and false are nothing. */
export const shown = (children) => [children].flat(9).filter((child) => child !== null && child !== undefined && child !== false);

const GLYPHS = {
  delivered: "✓", sent: "→", waiting: "◷", queued: "·", sending: "…", in_doubt: "?", presumed_sent: "≈",
  failed: "✗", undelivered: "✗", suppressed: "⊘", expired: "∅", cancelled: "–", rejected: "!", allow: "✓", deny: "⊘",
  defer: "◷", deferred: "◷", open: "✓", shut: "✗", passes: "✓", blocks: "✗", warns: "!", unweighed: "?", approved: "✓",
  published: "✓", returned: "↩", taken_back: "–", good: "✓", warn: "!", bad: "✗",
};
const MOODS = {
  delivered: "good", sent: "good", open: "good", passes: "good", allow: "good", approved: "good", published: "good",
  failed: "bad", undelivered: "bad", shut: "bad", rejected: "bad", blocks: "bad", deny: "bad",
  in_doubt: "warn", presumed_sent: "warn", suppressed: "calm", expired: "calm", defer: "calm", deferred: "plain", warns: "warn",
  good: "good", warn: "warn", bad: "bad",
};

export const mood = (word) => MOODS[word] ?? "plain";

/** A state as people see it: a glyph and a word, so never by colour alone. */
export function state(word) {
  return h("span", { class: `state ${mood(word)}` },
    h("span", { class: "glyph", "aria-hidden": "true" }, GLYPHS[word] ?? "•"), term("state", word));
}

/** A moment, in the zone that the reader chose, and exactly in UTC. */
export function time(at) {
  return at ? h("time", { datetime: at, title: at }, when(at)) : h("span", { class: "faint" }, "–");
}

export const count = (n, href) => href
  ? h("a", { href, class: "number" }, number(n))
  : h("span", { class: "number" }, number(n));

/** A table: columns are `{head, cell(row), kind}`; without rows it says why there is nothing. */
export function table(caption, columns, rows, empty = t("nothing")) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.kind }, c.head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((c) => h("td", { class: c.kind }, c.cell(row))))))));
}

/** Pairs of a name and a value. */
export const facts = (pairs) => h("dl", { class: "facts" },
  pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? "–"))));

export const card = (title, ...content) => h("section", { class: "card" }, h("h2", {}, title), content);

export const link = (href, ...text) => h("a", { href }, text);

/** A field with its name: an input, or a choice where `options` are given. */
export function field(name, label, attributes = {}, options = null) {
  const id = `f-${name}`;
  const control = options
    ? h("select", { id, name, ...attributes, value: null },
      options.map(([value, text]) => h("option", { value, selected: value === (attributes.value ?? "") }, text)))
    : attributes.rows
      ? h("textarea", { id, name, ...attributes, value: null }, attributes.value ?? "")
      : h("input", { id, name, ...attributes });
  return h("div", { class: attributes.rows ? "field wide" : "field" }, h("label", { for: id }, label), control);
}

/** The field in which somebody says why. */
export const reason = (label = t("reason")) => field("reason", label, { required: true, minlength: 3, maxlength: 500 });

/** A form: `act(values, form)` gets what was filled in; what goes wrong is told above the fields and read out. */
export function form(fields, submit, act, { kind = "" } = {}) {
  const trouble = h("div", { class: "trouble", role: "alert", hidden: true, tabindex: "-1" });
  const button = h("button", { type: "submit", class: kind }, submit);
  const element = h("form", { novalidate: false }, trouble, h("div", { class: "fields" }, fields),
    h("div", { class: "buttons" }, button));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    trouble.hidden = true;
    try {
      const values = Object.fromEntries([...new FormData(element)].map(([k, v]) => [k, String(v).trim()]));
      await act(values, element);
    } catch (error) {
      trouble.replaceChildren(...fault(error));
      trouble.hidden = false;
      trouble.focus();
    } finally {
      button.disabled = false;
    }
  });
  return element;
}

/** What went wrong, as sentences. */
export function fault(error) {
  const told = [h("p", {}, error.message || t("error.unknown"))];
  for (const one of error.errors ?? []) told.push(h("p", {}, [one.field, one.message].filter(Boolean).join(": ")));
  return told;
}

/** A dialog that states the effect of what it asks; gives what was filled in, or null. */
export function ask(title, effect, fields, submit, act, options) {
  const dialog = h("dialog", { "aria-labelledby": "ask-title" });
  const close = () => { dialog.close(); dialog.remove(); };
  dialog.append(h("h2", { id: "ask-title" }, title), h("p", {}, effect),
    form(fields, submit, async (values) => { await act(values); close(); }, options),
    h("button", { type: "button", class: "quiet", onclick: close }, t("cancel")));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}
