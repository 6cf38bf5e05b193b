/**
 * The notices for an empty page or old data: each case has its own text.
 * @module
 */

import { span } from "./format.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Link} Link */
/** @typedef {import("./model.js").Model} Model */

/**
 * A notice.
 * @typedef {object} Notice
 * @property {string} id For tests, and for colours.
 * @property {"calm" | "old" | "bad"} tone
 * @property {string} title
 * @property {string} text
 * @property {string} why The message of the API server.
 * @property {string} command A command to copy.
 */

/**
 * The state of the connection to the board itself.
 * @typedef {"connected" | "lost" | "ended" | "crowded" | "none"} Contact
 */

/** @type {(id: string, tone: Notice["tone"], said: {title: string, text: string}, more?: Partial<Notice>) => Notice} */
const notice = (id, tone, said, more = {}) => ({ id, tone, why: "", command: "", title: said.title, text: said.text, ...more });

/**
 * Return why nothing, or nothing new, is shown; null if all is well.
 * @param {Model} model
 * @param {Contact} contact
 * @param {import("./types.js").About["scope"]} scope
 * @param {number} now
 * @returns {Notice | null}
 */
export function noticeOf(model, contact, scope, now) {
  if (contact === "ended") return notice("session", "bad", words.session);
  if (contact === "crowded") return notice("crowded", "old", words.tooMany);
  if (contact === "lost") return notice("board", "bad", words.board);
  const link = model.links?.migrationtasks;
  if (!link || link.word === "listing") return notice("reading", "calm", words.reading);
  const place = placeOf(scope);
  if (link.word === "refused") return refusal(link, place, scope);
  if (link.word === "lost") {
    const title = words.lost.title(span(now - link.since));
    return notice("lost", "old", { title, text: words.lost.text }, { why: link.why });
  }
  const name = scope.namespace ?? "";
  if (model.namespace === "terminating") {
    return notice("going", "old", { title: words.going.title(name), text: words.going.text });
  }
  if (model.tasks.size) return null;
  if (model.namespace === "missing") {
    return notice("gone", "bad", { title: words.gone.title(name), text: words.gone.text });
  }
  const title = scope.labels ? words.empty.selected(scope.labels, place) : words.empty.title(place);
  const where = `${scope.context}${name ? ` -n ${name}` : ""}`;
  const command = scope.labels ? "" : `kubectl dcs import --project default --running -o fleet/${where}`;
  return notice("empty", "calm", { title, text: scope.labels ? "" : words.empty.text }, { command });
}

/** @param {Link} link @param {string} place @param {import("./types.js").About["scope"]} scope */
function refusal(link, place, scope) {
  const where = scope.namespace === null ? " -A" : ` -n ${scope.namespace}`;
  const can = `kubectl auth can-i list migrationtasks.dcs.huaweicloud.com${scope.context}${where}`;
  if (link.code === 403) {
    const said = { title: words.forbidden.title(place), text: words.forbidden.text };
    return notice("forbidden", "bad", said, { why: link.why, command: can });
  }
  if (link.code === 401) {
    const command = `kubectl auth whoami${scope.context}`;
    return notice("unauthorized", "bad", words.unauthorized, { why: link.why, command });
  }
  if (link.code === 404) return notice("unknown-kind", "bad", words.unknownKind, { why: link.why });
  return notice("refused", "bad", words.refused, { why: link.why });
}

/** @param {import("./types.js").About["scope"]} scope */
export const placeOf = (scope) =>
  scope.namespace === null ? words.allNamespaces : `${words.namespace} ${scope.namespace}`;

/**
 * Return which of the other kinds are not shown, in a few words; empty if all are.
 * @param {Model} model
 */
export function partly(model) {
  if (!model.links || model.links.migrationtasks.word !== "live") return "";
  const { migrationwaves, dcsprojects } = model.links;
  const said = [];
  if (["refused", "lost"].includes(migrationwaves.word)) said.push(`${words.partly.migrationwaves}: ${migrationwaves.why}`);
  if (["refused", "lost"].includes(dcsprojects.word)) said.push(`${words.partly.dcsprojects}: ${dcsprojects.why}`);
  return said.join(" ");
}
