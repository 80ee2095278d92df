// Asks the gateway. What it refuses is an Error with its sentence, and with one for each wrong field.

export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.errors = problem?.errors ?? [];
  }
}

async function asked(method, path, body, headers = {}) {
  const given = body === undefined ? {} : { body: JSON.stringify(body) };
  if (body !== undefined) headers = { "Content-Type": "application/json", ...headers };
  let answer;
  try {
    answer = await fetch(path, { method, headers, credentials: "same-origin", cache: "no-store", ...given });
  } catch {
    throw new Refused(0, { detail: "offline" });
  }
  const kind = answer.headers.get("Content-Type") ?? "";
  const told = kind.includes("json") ? await answer.json() : kind.includes("zip") ? await answer.blob() : null;
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}

export const get = (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return asked("GET", given.length ? `${path}?${new URLSearchParams(given)}` : path);
};
export const post = (path, body, headers) => asked("POST", path, body, headers);
export const remove = (path) => asked("DELETE", path);

/** The address of a job or a person: every name as one step of it. */
export const at = (...names) => names.map(encodeURIComponent).join("/");

/** An order to the line, in the name of whoever gives it. */
export const order = (type, by, given) => post("/v1/commands", {
  type, id: `console-${crypto.randomUUID()}`, at: new Date().toISOString(), by, ...given,
});
