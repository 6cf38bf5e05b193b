/**
 * Which tasks the user is looking for, and how the address encodes it. Pure.
 * @module
 */

import { waveKey } from "./model.js";

/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").Filter} Filter */

/** Nobody types more into the search. */
const TEXT_CHARS_MAX = 200;

/** @type {WeakMap<Task, string>} What of a task is searched, made when it is first needed. */
const searched = new WeakMap();

/** @returns {Filter} */
export const everything = () => ({ states: [], wave: "", text: "" });

/** @param {Filter} filter */
export const isEverything = (filter) => !filter.states.length && !filter.wave && !filter.text;

/**
 * Read the filter from an address; unknown states are left out.
 * @param {URLSearchParams} query
 * @param {string[]} states
 * @returns {Filter}
 */
export function fromQuery(query, states) {
  const wanted = (query.get("state") ?? "").split(",");
  return {
    states: states.filter((state) => wanted.includes(state)),
    wave: query.get("wave") ?? "",
    text: (query.get("q") ?? "").slice(0, TEXT_CHARS_MAX),
  };
}

/**
 * Write a filter, and the task that is open, into the query of an address.
 * @param {Filter} filter
 * @param {string} open
 */
export function toQuery(filter, open) {
  const query = new URLSearchParams();
  if (filter.states.length) query.set("state", filter.states.join(","));
  if (filter.wave) query.set("wave", filter.wave);
  if (filter.text) query.set("q", filter.text);
  if (open) query.set("task", open);
  // Commas and slashes are allowed unescaped, and people read the address.
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return text ? `?${text}` : "";
}

/**
 * Add a state to a filter, or remove it.
 * @param {Filter} filter
 * @param {string} state
 * @param {string[]} states All, in their order, so that one filter has one address.
 * @returns {Filter}
 */
export function toggled(filter, state, states) {
  const chosen = (/** @type {string} */ one) => filter.states.includes(one) !== (one === state);
  return { ...filter, states: states.filter(chosen) };
}

/**
 * Return whether a task matches, whatever its state.
 * @param {Filter} filter
 * @returns {(task: Task) => boolean}
 */
export function matcher(filter) {
  const parts = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return (task) => {
    if (filter.wave && waveKey(task) !== filter.wave) return false;
    if (!parts.length) return true;
    const text = searchedOf(task);
    return parts.every((part) => text.includes(part));
  };
}

/** @param {Task} task */
function searchedOf(task) {
  let text = searched.get(task);
  if (text === undefined) {
    const { ns, name, id, title, phase, wave, reason, message } = task;
    text = [`${ns}/${name}`, id, title, phase, wave, reason, message].join("\n").toLowerCase();
    searched.set(task, text);
  }
  return text;
}
