/**
 * The page's requests to the board.
 * @module
 */

/** @typedef {import("./types.js").About} About */
/** @typedef {import("./types.js").Details} TaskDetails */
/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./types.js").Changes} Changes */
/** @typedef {import("./confirm.js").Refusal} Refusal */

/** No answer of the board takes longer, but those for which it asks the API server. */
const ANSWER_MS_MAX = 60_000;

/**
 * @param {string} path
 * @param {Record<string, string>} query
 * @param {RequestInit} [more]
 */
function ask(path, query = {}, more = {}) {
  const text = new URLSearchParams(query).toString();
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  return fetch(text ? `${path}?${text}` : path, { signal, ...more });
}

/** @returns {Promise<About | null>} Null if this page has no session. */
export async function about() {
  const answer = await ask("/api/about");
  if (answer.status === 401 || answer.status === 403) return null;
  if (!answer.ok) throw new Error(`the board answers ${answer.status}`);
  return answer.json();
}

/**
 * @param {string} ns
 * @param {string} name
 * @param {number | null} at The moment of a recording.
 * @returns {Promise<TaskDetails | null>}
 */
export async function details(ns, name, at) {
  const answer = await ask("/api/task", { ns, name, ...(at === null ? {} : { at: String(at) }) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`the board answers ${answer.status}`);
  return answer.json();
}

/**
 * @param {number} at
 * @returns {Promise<Snapshot>}
 */
export async function momentAt(at) {
  return (await ask("/api/moment", { at: String(at) })).json();
}

/**
 * @param {number} at
 * @param {number} from
 * @returns {Promise<Changes>}
 */
export async function momentAfter(at, from) {
  return (await ask("/api/moment", { at: String(at), from: String(from) })).json();
}

/**
 * @param {string} ns
 * @param {string} name
 * @returns {Promise<Refusal | null>}
 */
export async function may(ns, name) {
  const answer = await ask("/api/may", { ns, name });
  return answer.ok ? null : answer.json();
}

/**
 * @param {import("./confirm.js").Wanted} wanted
 * @param {string} token
 * @returns {Promise<Refusal | null>}
 */
export async function change(wanted, token) {
  const headers = { "Content-Type": "application/json", "X-Board-Token": token };
  const body = JSON.stringify(wanted);
  const answer = await ask("/api/wave", {}, { method: "POST", headers, body });
  return answer.ok ? null : answer.json();
}
