// The words of the console in the reader's language, and moments and numbers as they are written there.

const LANGUAGES = { en: "English", zh: "中文" };
const TAGS = { en: "en-GB", zh: "zh-CN" };
let words = {};
export let language = "en";
export let zone = "local";

export async function begin() {
  const kept = localStorage.getItem("language");
  language = kept in LANGUAGES ? kept : navigator.language.startsWith("zh") ? "zh" : "en";
  zone = localStorage.getItem("zone") ?? "local";
  words = await (await fetch(`/static/${language}.json`)).json();
  document.documentElement.lang = TAGS[language];
  document.title = t("title");
}

export async function choose(chosen) {
  localStorage.setItem("language", chosen);
  await begin();
}

export function chooseZone(chosen) {
  localStorage.setItem("zone", chosen);
  zone = chosen;
}

export const languages = () => Object.entries(LANGUAGES);

/** The text of a key, with `{…}` filled in; where a number decides, the key has a twin that ends in `.one`. */
export function t(key, given = {}) {
  const one = given.n === 1 && words[`${key}.one`];
  const text = one || words[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof given[name] === "number" ? number(given[name]) : given[name] ?? ""));
}

/** A word of the gateway as people say it; one that is not in the table is shown as it is. */
export const term = (sort, word) => words[`${sort}:${word}`] ?? word;

/** All words of a sort, each with how people say it. */
export const terms = (sort) => Object.entries(words).filter(([key]) => key.startsWith(`${sort}:`)).map(([key, text]) => [key.slice(sort.length + 1), text]);

/** The language, as a browser names it. */
export const tag = () => TAGS[language];

export const number = (n) => new Intl.NumberFormat(TAGS[language]).format(n);

export const percent = (share) => new Intl.NumberFormat(TAGS[language], { style: "percent", maximumFractionDigits: 1 }).format(share);

export function when(at) {
  const shown = { dateStyle: "medium", timeStyle: "short", ...(zone === "utc" ? { timeZone: "UTC" } : {}) };
  return new Intl.DateTimeFormat(TAGS[language], shown).format(new Date(at));
}

/** How long ago, or until when, in the largest unit that says enough. */
export function ago(at) {
  const seconds = (new Date(at) - Date.now()) / 1000;
  const format = new Intl.RelativeTimeFormat(TAGS[language], { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(Math.round(seconds), "second");
}
