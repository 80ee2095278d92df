// The texts: what a person would read on their phone or in their mailbox, with values of one's own, and what an SMS costs.

import { get, post } from "./api.js";
import { card, facts, fault, field, h, link, table } from "./dom.js";
import { READERS } from "./roles.js";
import { number, t, term } from "./words.js";

const TYPING_MS = 300, LONG = 40;
const CAPACITY = { "GSM-7": [160, 153], "UCS-2": [70, 67] };
const PRICE = "price-per-segment";

async function templates({ query }) {
  const listed = await get("/v1/templates");
  const chosen = listed.find((one) => one.template === query.template && one.locale === query.locale);
  return [
    table(t("screen.templates"), [
      { head: t("template"), cell: (row) => row.template }, { head: t("language"), cell: (row) => row.locale },
      { head: t("channels"), cell: (row) => h("div", { class: "acts" }, Object.keys(row.channels).map((channel) => link(`#/templates?${new URLSearchParams({ template: row.template, locale: row.locale, channel })}`, term("channel", channel)))) },
    ], listed),
    chosen ? tried(chosen, query.channel) : null,
  ];
}

/** A text with its variables in a form, and beside it what it comes to. */
function tried(chosen, channel) {
  const seen = h("div", { "aria-live": "polite" });
  const fields = Object.entries(chosen.sample).map(([name, value]) => field(`v-${name}`, name, { value: written(value), autocomplete: "off" }));
  const inputs = () => fields.map((one) => one.querySelector("input"));
  const params = () => Object.fromEntries(inputs().filter((one) => one.value !== "").map((one) => [one.name.slice(2), read(one.value, chosen.sample[one.name.slice(2)])]));
  let turn = 0, typing = null;
  const look = async () => {
    const mine = turn += 1, asked = { template: chosen.template, locale: chosen.locale, channel };
    const told = await post("/v1/templates/preview", { ...asked, params: params() }).catch((error) => error);
    if (mine !== turn) return;
    seen.replaceChildren(...(told instanceof Error ? [h("div", { class: "trouble", role: "alert" }, fault(told))] : shown(told, params())));
  };
  for (const one of inputs()) one.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(look, TYPING_MS); });
  const longest = () => { for (const one of inputs()) one.value = long(one.value, chosen.sample[one.name.slice(2)]); look(); };
  const usual = () => { for (const one of inputs()) one.value = written(chosen.sample[one.name.slice(2)]); look(); };
  look();
  return card(`${chosen.template} · ${chosen.locale} · ${term("channel", channel)}`,
    h("div", { class: "trying" }, h("div", {}, h("h3", {}, t("variables")), h("div", { class: "fields" }, fields),
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: longest }, t("variables.long")), h("button", { type: "button", onclick: usual }, t("variables.sample")))), seen));
}

const written = (value) => typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

/** What was typed, as the sample has it: a number, an object, or text. */
function read(text, like) {
  if (typeof like === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (typeof like !== "object" || like === null) return text;
  try { return JSON.parse(text); } catch { return text; }
}

/** The longest value that is to be expected. */
function long(text, like) {
  if (typeof like === "number") return "9999";
  if (typeof like === "object" && like !== null) return JSON.stringify({ ...like, ...("value" in like ? { value: "9999999.99" } : {}) });
  return /^\d{4}-\d\d-\d\d$|^https?:|^\+?[\d-]+$/.test(text) ? text : text.padEnd(LONG, text || "x").slice(0, Math.max(LONG, text.length));
}

function shown(told, params) {
  if (told.channel === "email") return mail(told, params);
  const phone = h("div", { class: "phone", lang: told.locale }, told.title ? h("strong", {}, told.title) : null, h("p", { class: "message" }, told.text));
  return [told.channel === "call" ? h("pre", { lang: told.locale }, told.text) : phone, told.segments ? meter(told) : null, h("p", { class: "faint" }, told.version)].filter(Boolean);
}

/** What a text message comes to: its segments, what is left of the last one, what makes it dearer, and the price. */
function meter({ segments, foreign }) {
  const [single, part] = CAPACITY[segments.encoding], used = segments.units_per_segment, room = used.length === 1 ? single : part;
  const price = field("price", t("meter.price"), { type: "number", min: 0, step: "0.0001", value: localStorage.getItem(PRICE) ?? "", autocomplete: "off" });
  const told = h("p", { role: "status" }), input = price.querySelector("input");
  const reckon = () => {
    localStorage.setItem(PRICE, input.value);
    const cost = number(Math.round(Number(input.value) * used.length * 100_000) / 100);
    told.textContent = input.value === "" ? t("meter.unpriced") : t("meter.cost", { cost, n: used.length });
  };
  input.addEventListener("input", reckon);
  reckon();
  return h("section", {}, h("h3", {}, t("meter")),
    facts([[t("encoding"), segments.encoding], [t("segments"), number(used.length)], [t("units"), used.join(", ")], [t("meter.left"), number(room - used[used.length - 1])]]),
    foreign.length ? h("details", {}, h("summary", {}, t("meter.foreign", { n: foreign.length })), table(t("meter.foreign", { n: foreign.length }), [
      { head: t("char"), cell: (row) => row.char }, { head: t("code"), cell: (row) => h("code", {}, row.code) }, { head: t("name"), cell: (row) => row.name.toLowerCase() },
      { head: t("instead"), cell: (row) => row.instead === null ? "–" : h("code", {}, row.instead) },
    ], foreign)) : null,
    h("div", { class: "fields" }, price), told);
}

/** An email as it is seen on a light and on a dark screen, and as plain text. */
function mail(told, params) {
  const frame = (scheme) => h("figure", { class: "mail" }, h("figcaption", {}, term("scheme", scheme)), h("iframe", {
    sandbox: "", title: `${t("email.html")}, ${term("scheme", scheme)}`, class: scheme,
    src: `/v1/templates/page?${new URLSearchParams({ template: told.template, locale: told.locale, scheme, params: JSON.stringify(params) })}`,
  }));
  return [
    facts([[t("email.subject"), told.title ?? "–"]]),
    told.html ? h("div", { class: "mails" }, frame("light"), frame("dark")) : h("p", { class: "empty" }, t("email.plain_only")),
    h("h3", {}, t("email.text")), h("pre", { lang: told.locale }, told.text), h("p", { class: "faint" }, told.version),
  ];
}

export const screens = {
  templates: { roles: READERS, show: templates },
};
