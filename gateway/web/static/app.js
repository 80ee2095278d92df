// The frame of the console: who is signed in, where one is, how fresh it is. The address holds the whole state.

import { get, post, remove } from "./api.js";
import { csvOf, keep } from "./csv.js";
import { h, fault, field, form, shown } from "./dom.js";
import { watch } from "./live.js";
import * as backlog from "./backlog.js";
import * as house from "./house.js";
import * as law from "./law.js";
import * as machine from "./machine.js";
import * as ops from "./ops.js";
import * as overview from "./overview.js";
import * as person from "./person.js";
import * as policy from "./policy.js";
import * as texts from "./texts.js";
import { has } from "./roles.js";
import { begin, choose, chooseZone, language, languages, t, zone } from "./words.js";

const SCREENS = { ...overview.screens, ...ops.screens, ...machine.screens, ...backlog.screens, ...policy.screens, ...person.screens, ...texts.screens, ...law.screens, ...house.screens };
const ROOMS = [
  ["ops", ["overview", "messages", "providers", "lanes", "in-doubt", "dead-letters", "switches"]],
  ["law", ["policies", "proposals", "states", "replies", "templates", "evidence"]],
  ["house", ["engine", "acts", "accounts", "keys"]],
];

let me = null;
let unwatch = null;
let leave = null;
let held = false;
const main = h("main", { id: "main", tabindex: "-1" });

/** Where one is: the screen, what it is about, and what was filled in. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [screen, ...names] = path.split("/").map(decodeURIComponent);
  return { screen: screen || "overview", names, query: Object.fromEntries(new URLSearchParams(query)) };
}

const may = (screen) => has(me, SCREENS[screen].roles);

const titleOf = (where) => SCREENS[where.screen].title?.(where) ?? t(`screen.${where.screen}`);

async function show({ quiet = false, first = false } = {}) {
  const where = place();
  const screen = SCREENS[where.screen];
  if (!screen) return main.replaceChildren(h("h1", {}, t("not_found")), h("p", {}, t("not_found.why")));
  for (const item of document.querySelectorAll("nav a")) {
    item.toggleAttribute("aria-current", item.dataset.screen === (screen.under ?? where.screen));
  }
  if (!quiet) {
    leave?.();
    leave = null;
    main.replaceChildren(h("h1", {}, titleOf(where)), h("p", { class: "loading", role: "status" }, t("loading")));
  }
  try {
    const content = await screen.show({ ...where, me, again: () => show({ quiet: true }), onleave: (act) => { leave = act; } });
    if (JSON.stringify(where) !== JSON.stringify(place())) return; // one has gone on meanwhile
    document.title = `${titleOf(where)} · ${t("title")}`;
    main.replaceChildren(h("h1", {}, titleOf(where)), ...shown(content));
    if (main.querySelector("table")) main.append(h("p", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => keep(where.screen, csvOf(main)) }, t("csv"))));
    if (!quiet && !first) main.focus({ preventScroll: true });
  } catch (error) {
    if (error.status === 401) return signIn();
    if (quiet) return; // what is shown stays, and its age is told above
    main.replaceChildren(h("h1", {}, t("error.title")), h("div", { class: "trouble", role: "alert" }, fault(error)),
      h("button", { type: "button", onclick: () => show() }, t("again")));
  }
}

/** Shows what is new, but not under the fingers of whoever is on something: then as soon as they leave it. */
function refresh() {
  if (!SCREENS[place().screen]?.live) return;
  const busy = main !== document.activeElement && main.contains(document.activeElement);
  if (!busy && !document.querySelector("dialog")) return show({ quiet: true });
  if (!held) main.addEventListener("focusout", () => { held = false; setTimeout(refresh); }, { once: true });
  held = true;
}

function chooser(label, name, options, value, act) {
  return h("label", { class: "chooser" }, h("span", {}, label),
    h("select", { name, onchange: (event) => act(event.target.value) },
      options.map(([key, text]) => h("option", { value: key, selected: key === value }, text))));
}

const preferences = (again) => [
  chooser(t("language"), "language", languages(), language, async (chosen) => { await choose(chosen); again(); }),
  chooser(t("zone"), "zone", [["local", t("zone.local")], ["utc", "UTC"]], zone, (chosen) => { chooseZone(chosen); again(); }),
];

function frame() {
  const fresh = h("p", { class: "fresh", role: "status" }, t("fresh.unknown"));
  const find = h("form", { role: "search", class: "find" },
    h("label", { for: "find", class: "unseen" }, t("find")),
    h("input", { id: "find", type: "search", placeholder: t("find"), autocomplete: "off" }));
  find.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = find.querySelector("input").value.trim();
    if (given) location.hash = `#/messages?${new URLSearchParams({ [guess(given)]: given })}`;
  });
  document.getElementById("app").replaceChildren(
    h("a", { href: "#main", class: "skip", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("skip")),
    h("header", {},
      h("a", { href: "#/", class: "brand" }, t("title")), find, fresh, h("div", { class: "who" }, preferences(start),
        me.kind === "person"
          ? [h("span", { class: "name" }, me.id), h("button", { type: "button", class: "quiet", onclick: signOut }, t("sign_out"))]
          : h("span", { class: "name" }, t("nobody_signed_in")))),
    h("nav", { "aria-label": t("screens") }, ROOMS.map(([room, names]) => {
      const seen = names.filter(may);
      return seen.length ? h("div", {}, h("h2", {}, t(`room.${room}`)), h("ul", {}, seen.map((name) =>
        h("li", {}, h("a", { href: `#/${name}`, "data-screen": name }, t(`screen.${name}`)))))) : null;
    })),
    main);
  unwatch?.();
  unwatch = watch((is, behind) => {
    fresh.className = `fresh ${is ? "good" : "bad"}`;
    fresh.textContent = is ? t("fresh.live") : behind ? t("fresh.behind", { n: Math.round(behind) }) : t("fresh.stale");
    document.body.classList.toggle("stale", !is);
  }, refresh);
}

/** What a word that is looked for may be. */
function guess(text) {
  if (/^\+\d{6,}$/.test(text) || /^\S+@\S+$/.test(text)) return "address";
  return text.includes(":") ? "job_id" : "recipient_id";
}

function signIn() {
  unwatch?.();
  me = null;
  document.title = t("sign_in");
  const asking = form([
    field("name", t("name"), { autocomplete: "username", required: true, autocapitalize: "none" }),
    field("password", t("password"), { type: "password", autocomplete: "current-password", required: true }),
  ], t("sign_in"), async (given) => { await post("/v1/sessions", given); await start(); }, { kind: "main" });
  const other = h("p", { class: "other" });
  document.getElementById("app").replaceChildren(
    h("main", { class: "door" }, h("h1", {}, t("title")), asking, other, h("div", { class: "who" }, preferences(signIn))));
  asking.querySelector("input").focus();
  get("/v1/sign-in-ways").then(({ organisation }) => {
    if (organisation) other.append(h("a", { class: "button", href: "/signin/oidc", onclick: keepPlace }, t("sign_in.organisation")));
  }, () => {}); // by name and password one may sign in all the same
}

/** One comes back from the provider without the part of the address behind `#`, so the browser keeps it. */
const keepPlace = () => sessionStorage.setItem("place", location.hash);

function backToPlace() {
  const kept = sessionStorage.getItem("place");
  sessionStorage.removeItem("place");
  if (kept && !location.hash) history.replaceState(null, "", kept);
}

async function signOut() {
  await remove("/v1/sessions/current");
  signIn();
}

async function start() {
  try {
    if (!(await get("/v1/sign-in-ways")).known) return signIn();
    me = await get("/v1/me");
  } catch (error) {
    if (error.status === 401) return signIn();
    document.getElementById("app").replaceChildren(
      h("main", { class: "door" }, h("h1", {}, t("error.title")), h("div", { role: "alert" }, fault(error))));
    return;
  }
  backToPlace();
  frame();
  await show({ first: true });
}

window.addEventListener("hashchange", () => { if (me) show(); });
window.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    document.getElementById("find")?.focus();
  }
});
await begin();
await start();
