/**
 * The waves: the state of each, how far it is, how much time is left.
 * @module
 */

import { el, find, say, set } from "./dom.js";
import { number, span } from "./format.js";
import { keyOf } from "./model.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Wave} Wave */
/** @typedef {import("./types.js").Task} Task */

/**
 * The totals of the tasks of a wave.
 * @typedef {object} Sum
 * @property {Map<string, number>} counts By state.
 * @property {number} total
 * @property {number | null} due The first time limit of those under way.
 * @property {number | null} lag The highest.
 */

/** @returns {Sum} */
const noTasks = () => ({ counts: new Map(), total: 0, due: null, lag: null });

/**
 * Add up the tasks of each wave.
 * @param {Iterable<Task>} tasks
 * @returns {Map<string, Sum>}
 */
export function sums(tasks) {
  /** @type {Map<string, Sum>} */
  const found = new Map();
  for (const task of tasks) {
    if (!task.wave) continue;
    const key = `${task.ns}/${task.wave}`;
    let sum = found.get(key);
    if (!sum) found.set(key, (sum = noTasks()));
    sum.total += 1;
    sum.counts.set(task.state, (sum.counts.get(task.state) ?? 0) + 1);
    if (task.state === "catching_up" || task.state === "caught_up") {
      if (task.due !== null) sum.due = Math.min(sum.due ?? Infinity, task.due);
    }
    if (task.lag !== null && task.state !== "stopped" && task.state !== "stopping") {
      sum.lag = Math.max(sum.lag ?? 0, task.lag);
    }
  }
  return found;
}

/**
 * Return how much time is left, or how long it took.
 * @param {Wave} wave
 * @param {Sum} sum
 * @param {number} now
 */
export function timeLeft(wave, sum, now) {
  if (wave.completedAt !== null) {
    return wave.openedAt === null ? "" : words.doneAfter(span(wave.completedAt - wave.openedAt));
  }
  if (wave.notAfter !== null && wave.notAfter <= now) return words.closed;
  if (wave.notBefore !== null && wave.notBefore > now) return words.opensIn(span(wave.notBefore - now));
  if (wave.state === "Go" && sum.due !== null) {
    return sum.due > now ? words.firstTimeout(span(sum.due - now)) : words.timeIsUp;
  }
  if (wave.notAfter !== null) return words.closesIn(span(wave.notAfter - now));
  if (wave.state === "Go" && wave.openedAt !== null) return words.goneFor(span(now - wave.openedAt));
  return "";
}

/** The order in which the parts of a bar stand: what is done to the left. */
const BAR = ["stopped", "stopping", "caught_up", "catching_up", "holding", "pending", "observed", "delayed", "trouble"];

class Card {
  /** @param {string} key @param {Cards} cards */
  constructor(key, cards) {
    this.name = el("span", { class: "card-name" });
    this.state = el("span", { class: "badge" });
    this.button = el("button", { class: "card-pick", type: "button" }, [this.name]);
    this.button.addEventListener("click", () => cards.onPick(key));
    this.bar = el("div", { class: "bar", "aria-hidden": "true" });
    this.done = el("span", { class: "card-done" });
    this.trouble = el("span", { class: "card-trouble" });
    this.lag = el("span", { class: "card-lag" });
    this.why = el("p", { class: "card-why" });
    this.left = el("span", { class: "card-left" });
    this.change = el("button", { class: "card-change", type: "button", hidden: true });
    this.change.addEventListener("click", () => cards.onChange(key));
    this.root = el("li", { class: "card", "data-wave": key }, [
      el("div", { class: "card-head" }, [this.button, this.state]),
      this.bar,
      el("div", { class: "card-figures" }, [this.done, this.lag, this.trouble]),
      this.why,
      el("div", { class: "card-foot" }, [this.left, this.change]),
    ]);
    /** @type {Map<string, HTMLElement>} */
    this.parts = new Map(BAR.map((state) => [state, el("span", { class: `part s-${state}` })]));
    this.bar.append(...this.parts.values());
  }

  /** @param {Wave} wave @param {Sum} sum @param {Cards} cards @param {number} now */
  show(wave, sum, cards, now) {
    say(this.name, cards.everywhere ? keyOf(wave) : wave.name);
    set(this.name, "title", keyOf(wave));
    say(this.state, wave.state);
    this.state.className = `badge badge-${wave.state === "Go" ? "go" : "hold"}`;
    this.root.classList.toggle("is-stalled", wave.stalled);
    set(this.root, "data-state", wave.state);
    set(this.button, "aria-pressed", cards.picked === keyOf(wave) ? "true" : "false");
    for (const [state, part] of this.parts) {
      const count = sum.counts.get(state) ?? 0;
      part.hidden = count === 0;
      part.style.flexGrow = String(count);
    }
    const trouble = sum.counts.get("trouble") ?? 0;
    const stopped = sum.counts.get("stopped") ?? 0;
    say(this.done, words.ofTotal(number(stopped), number(sum.total)));
    say(this.trouble, trouble ? words.needPerson(trouble, number(trouble)) : "");
    say(this.lag, sum.lag === null ? "" : words.highestLag(number(sum.lag)));
    const why = wave.current ? [wave.reason, wave.message].filter(Boolean).join(" · ") : words.outdated;
    say(this.why, why);
    set(this.why, "title", why);
    say(this.left, timeLeft(wave, sum, now));
    this.change.hidden = !cards.actions;
    say(this.change, wave.state === "Go" ? words.setHold : words.setGo);
  }
}

export class Cards {
  /**
   * @param {object} wishes
   * @param {boolean} wishes.actions Whether Hold and Go are offered.
   * @param {boolean} wishes.everywhere Whether names include the namespace.
   * @param {(key: string) => void} wishes.onPick
   * @param {(key: string) => void} wishes.onChange
   */
  constructor({ actions, everywhere, onPick, onChange }) {
    this.actions = actions;
    this.everywhere = everywhere;
    this.onPick = onPick;
    this.onChange = onChange;
    this.picked = "";
    this.list = find("cards", HTMLUListElement);
    set(this.list, "aria-label", words.waves);
    /** @type {Map<string, Card>} */
    this.cards = new Map();
  }

  /**
   * Show the waves: those that need a person first, then those at Go, then by name.
   * @param {Iterable<Wave>} waves
   * @param {Map<string, Sum>} added
   * @param {string} picked
   * @param {number} now
   */
  show(waves, added, picked, now) {
    this.picked = picked;
    const sumOf = (/** @type {Wave} */ wave) => added.get(keyOf(wave)) ?? noTasks();
    const rank = (/** @type {Wave} */ wave) =>
      wave.stalled || sumOf(wave).counts.has("trouble") ? 0 : wave.completedAt !== null ? 3 : wave.state === "Go" ? 1 : 2;
    const ordered = [...waves].sort(
      (a, b) => rank(a) - rank(b) || (keyOf(a) < keyOf(b) ? -1 : 1),
    );
    const there = new Set(ordered.map(keyOf));
    for (const [key, card] of this.cards) {
      if (!there.has(key)) {
        card.root.remove();
        this.cards.delete(key);
      }
    }
    ordered.forEach((wave, index) => {
      const key = keyOf(wave);
      let card = this.cards.get(key);
      if (!card) this.cards.set(key, (card = new Card(key, this)));
      card.show(wave, sumOf(wave), this, now);
      if (this.list.children[index] !== card.root) {
        this.list.insertBefore(card.root, this.list.children[index] ?? null);
      }
    });
    this.list.hidden = ordered.length === 0;
  }
}
