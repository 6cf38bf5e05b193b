/**
 * The states of the tasks over the night: one layer for each state, and the counts as filters.
 * @module
 */

import { el, find, say, set, svg } from "./dom.js";
import { minute, moment, number } from "./format.js";
import { words } from "./words.js";

/** From the bottom up: what is done grows from below, who needs a person is on top. */
const LAYERS = ["stopped", "stopping", "caught_up", "catching_up", "holding", "pending", "observed", "delayed", "trouble"];

/** Seconds between two names of times; the first that leaves room enough is taken. */
const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

const LABEL_PX = 90;

/** A night shorter than this is not drawn wider: a minute is no trend. */
const SPAN_S_MIN = 60;

/**
 * Return the outlines of the layers, as steps: a point holds until the next one.
 * @param {number[][]} points
 * @param {string[]} states The order of the counts.
 * @param {number} from
 * @param {number} to
 * @param {number} width
 * @param {number} height
 * @returns {Map<string, string>}
 */
export function outlines(points, states, from, to, width, height) {
  const highest = Math.max(1, ...points.map((point) => sum(point)));
  const x = (/** @type {number} */ at) =>
    (Math.min(Math.max(at - from, 0), to - from) / (to - from)) * width;
  const y = (/** @type {number} */ count) => height - (count / highest) * height;
  const ends = points.map((_, index) => points[index + 1]?.[0] ?? to);
  const below = points.map(() => 0);
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const layer of LAYERS) {
    const place = states.indexOf(layer) + 1;
    const above = points.map((point, index) => below[index] + point[place]);
    const path = outline(points, place, ends, above, below, x, y);
    if (path) found.set(layer, path);
    above.forEach((value, index) => (below[index] = value));
  }
  return found;
}

/**
 * Return the outline of one layer: a closed piece for each time in which it had any task, so that
 * nothing is drawn where there was none.
 * @param {number[][]} points
 * @param {number} place The index of the layer in a point.
 * @param {number[]} ends The end of each point, in seconds.
 * @param {number[]} above
 * @param {number[]} below
 * @param {(at: number) => number} x
 * @param {(count: number) => number} y
 */
function outline(points, place, ends, above, below, x, y) {
  /** @type {string[]} */
  const pieces = [];
  /** @type {string[]} */
  let there = [];
  /** @type {string[]} */
  let back = [];
  const close = () => {
    if (there.length) pieces.push(`M${[...there, ...back.reverse()].join("L")}Z`);
    there = [];
    back = [];
  };
  points.forEach((point, index) => {
    if (!point[place]) {
      close();
      return;
    }
    const [begin, end] = [x(point[0]).toFixed(1), x(ends[index]).toFixed(1)];
    const [top, base] = [y(above[index]).toFixed(1), y(below[index]).toFixed(1)];
    there.push(`${begin} ${top}`, `${end} ${top}`);
    back.push(`${begin} ${base}`, `${end} ${base}`);
  });
  close();
  return pieces.join("");
}

/** @param {number[]} point */
const sum = (point) => point.slice(1).reduce((a, b) => a + b, 0);

export class Strip {
  /**
   * @param {string[]} states
   * @param {(state: string) => void} onToggle
   * @param {() => void} onResize Called when it has to be redrawn at once.
   */
  constructor(states, onToggle, onResize) {
    this.states = states;
    this.root = find("strip", HTMLElement);
    this.box = find("strip-drawing", HTMLDivElement);
    this.axis = find("strip-axis", HTMLDivElement);
    this.layers = new Map(LAYERS.map((state) => [state, svg("path", { class: `layer s-${state}` })]));
    this.cursor = svg("line", { class: "strip-cursor", y1: "0" });
    this.drawing = svg("svg", { role: "img", "aria-label": words.overTime }, [...this.layers.values(), this.cursor]);
    this.box.append(this.drawing);
    this.width = 0;
    this.height = 0;
    new ResizeObserver(([entry]) => {
      this.width = entry.contentRect.width;
      this.height = entry.contentRect.height;
      onResize();
    }).observe(this.box);
    const chips = find("chips", HTMLDivElement);
    set(chips, "aria-label", words.overTime);
    /** @type {Map<string, {root: HTMLButtonElement, count: HTMLElement}>} */
    this.chips = new Map();
    for (const [index, state] of states.entries()) {
      const count = el("b");
      const root = el("button", { type: "button", class: `chip s-${state}`, "data-state": state, title: String(index + 1) }, [
        el("i", { class: "dot", "aria-hidden": "true" }),
        count,
        el("span", {}, [words.states[state]]),
      ]);
      root.addEventListener("click", () => onToggle(state));
      this.chips.set(state, { root, count });
      chips.append(root);
    }
  }

  /**
   * Show the counts.
   * @param {Map<string, number>} counts
   * @param {string[]} chosen
   */
  count(counts, chosen) {
    for (const [state, chip] of this.chips) {
      const value = counts.get(state) ?? 0;
      say(chip.count, number(value));
      set(chip.root, "aria-pressed", chosen.includes(state) ? "true" : "false");
      chip.root.classList.toggle("is-none", value === 0);
    }
  }

  /**
   * Draw the night up to now; of a recording, all of it, with a line at the current moment.
   * @param {number[][]} points
   * @param {number} now
   * @param {{begin: number, end: number} | null} recording
   */
  draw(points, now, recording) {
    const { width, height } = this;
    this.root.classList.toggle("is-empty", points.length === 0);
    if (!points.length || !width) return;
    const from = recording ? recording.begin : points[0][0];
    const to = Math.max(recording ? recording.end : now, from + SPAN_S_MIN);
    set(this.drawing, "viewBox", `0 0 ${width} ${height}`);
    const drawn = outlines(points, this.states, from, recording ? to : Math.max(now, from + 1), width, height);
    const scale = recording ? 1 : (Math.max(now, from + 1) - from) / (to - from);
    for (const [state, layer] of this.layers) {
      set(layer, "d", drawn.get(state) ?? "");
      set(layer, "transform", scale === 1 ? null : `scale(${scale.toFixed(4)} 1)`);
    }
    const place = ((now - from) / (to - from)) * width;
    set(this.cursor, "x1", place.toFixed(1));
    set(this.cursor, "x2", place.toFixed(1));
    set(this.cursor, "y2", String(height));
    this.cursor.classList.toggle("is-shown", recording !== null);
    this.#label(from, to, width);
  }

  /** @param {number} from @param {number} to @param {number} width */
  #label(from, to, width) {
    const step = STEPS_S.find((one) => (one / (to - from)) * width >= LABEL_PX) ?? STEPS_S[STEPS_S.length - 1];
    const offset = new Date(from * 1000).getTimezoneOffset() * 60;
    const first = Math.ceil((from - offset) / step) * step + offset;
    /** @type {HTMLElement[]} */
    const labels = [];
    for (let at = first; at < to; at += step) {
      const share = (at - from) / (to - from);
      if (share > 0.97) break;
      const label = el("span", { title: moment(at) }, [minute(at)]);
      label.style.left = `${(share * 100).toFixed(2)}%`;
      labels.push(label);
    }
    const text = labels.map((label) => `${label.style.left} ${label.textContent}`).join();
    if (this.axis.dataset.text !== text) {
      this.axis.dataset.text = text;
      this.axis.replaceChildren(...labels);
    }
  }
}
