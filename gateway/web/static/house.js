// The house itself: what its people did, who they are, and the keys of its systems.

import { at, get, post, remove } from "./api.js";
import { ask, card, field, form, h, link, reason, table, time } from "./dom.js";
import { actColumns } from "./ops.js";
import { t, term } from "./words.js";

const ROLES = ["producer", "ops", "compliance", "auditor", "admin"];
const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const roles = (listed) => listed.map((role) => term("role", role)).join(", ");

async function acts({ query }) {
  const seen = await get("/v1/acts", { cursor: query.cursor });
  return [h("p", {}, t("acts.why")), table(t("screen.acts"), actColumns(), seen.acts, t("acts.none")),
    seen.next ? link(`#/acts?cursor=${seen.next}`, t("more")) : null];
}

async function accounts({ me, query, again }) {
  const seen = await get("/v1/people", { cursor: query.cursor }), admin = me.roles.includes("admin");
  const turn = (row) => ask(row.disabled_at ? t("enable") : t("disable"), t(row.disabled_at ? "enable.effect" : "disable.effect", { person: row.name }), [reason()],
    row.disabled_at ? t("enable") : t("disable"), async (given) => { await post(`/v1/people/${at(row.name)}`, { disabled: !row.disabled_at, reason: given.reason }, { "If-Match": `"${row.digest}"` }); again(); });
  return [
    table(t("screen.accounts"), [
      { head: t("name"), cell: (row) => row.name }, { head: t("roles"), cell: (row) => roles(row.roles) }, { head: t("tenants"), cell: (row) => row.tenants.join(", ") },
      { head: t("since"), cell: (row) => time(row.made_at) },
      { head: t("state"), cell: (row) => row.disabled_at ? t("disabled") : row.locked_until ? [t("locked"), " ", time(row.locked_until)] : t("active") },
      { head: t("do"), cell: (row) => admin && row.name !== me.id ? h("button", { type: "button", onclick: () => turn(row) }, row.disabled_at ? t("enable") : t("disable")) : "–" },
    ], seen.people, t("accounts.none")),
    seen.next ? link(`#/accounts?cursor=${seen.next}`, t("more")) : null,
    admin ? card(t("add_account"), form([
      field("name", t("name"), { required: true, autocomplete: "off" }), field("password", t("password"), { type: "password", minlength: 12, required: true, autocomplete: "new-password" }),
      field("role", t("roles"), { value: "ops" }, ROLES.map((role) => [role, term("role", role)])), field("tenants", t("tenants"), { value: "*", required: true }), reason(),
    ], t("add_account"), async (given) => {
      await post("/v1/people", { name: given.name, password: given.password, roles: [given.role], tenants: words(given.tenants), reason: given.reason });
      again();
    })) : null,
  ];
}

async function keys({ me, query, again }) {
  const seen = await get("/v1/keys", { cursor: query.cursor }), admin = me.roles.includes("admin");
  const made = h("p", { role: "status", class: "secret" });
  const end = (row) => ask(t("end_key"), t("end_key.effect", { id: row.id }), [], t("end_key"), async () => { await remove(`/v1/keys/${at(row.id)}`); again(); }, { kind: "danger" });
  return [
    table(t("screen.keys"), [
      { head: t("id"), cell: (row) => row.id }, { head: t("who"), cell: (row) => row.person ?? t("system") }, { head: t("roles"), cell: (row) => roles(row.roles) },
      { head: t("tenants"), cell: (row) => row.tenants.join(", ") }, { head: t("made_by"), cell: (row) => row.made_by === "configuration" ? t("configuration") : row.made_by },
      { head: t("used"), cell: (row) => time(row.used_at) }, { head: t("expires"), cell: (row) => time(row.expires_at) },
      { head: t("do"), cell: (row) => row.revoked_at ? [t("ended"), " ", time(row.revoked_at)] : admin && row.made_at ? h("button", { type: "button", onclick: () => end(row) }, t("end_key")) : "–" },
    ], seen.keys, t("keys.none")),
    seen.next ? link(`#/keys?cursor=${seen.next}`, t("more")) : null,
    admin ? card(t("add_key"), form([
      field("role", t("roles"), { value: "producer" }, ROLES.map((role) => [role, term("role", role)])), field("tenants", t("tenants"), { value: "*", required: true }),
      field("days", t("days_valid"), { type: "number", value: "365", min: 1, max: 3660, required: true }), reason(),
    ], t("add_key"), async (given) => {
      const fresh = await post("/v1/keys", { roles: [given.role], tenants: words(given.tenants), days: Number(given.days), reason: given.reason });
      made.replaceChildren(t("key.once"), " ", h("code", {}, fresh.token));
    }), made) : null,
  ];
}

export const screens = {
  acts: { roles: ["ops", "compliance", "auditor", "admin"], show: acts },
  accounts: { roles: ["admin", "auditor"], show: accounts },
  keys: { roles: ["admin", "auditor"], show: keys },
};
