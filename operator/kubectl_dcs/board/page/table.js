/**
 * The table: any number of tasks, with only those rows in the document that can be seen.
 * @module
 */

import { el, find, say, set, svg } from "./dom.js";
import { age, number } from "./format.js";
import { isOver, keyOf } from "./model.js";
import { path, points } from "./spark.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Task} Task */

/** Rows above and below what can be seen, so that scrolling never shows an empty place. */
const SPARE = 6;

const SPARK = { width: 110, height: 22, inset: 3 };

/** An age from which on a sample is no longer news: the operator writes one in 15 s. */
const OLD_S = 60;

/** @type {(keyof typeof words.columns)[]} */
const COLUMNS = ["state", "name", "phase", "lag", "spark", "seen", "wave", "reason", "message"];

class Row {
  /** @param {Table} table */
  constructor(table) {
    /** @type {Task | null} */
    this.task = null;
    /** @type {Record<string, HTMLElement>} */
    this.cells = {};
    for (const name of COLUMNS) this.cells[name] = el("span", { class: `cell c-${name}`, role: "gridcell" });
    this.word = el("span");
    this.cells.state.append(el("i", { class: "dot", "aria-hidden": "true" }), this.word);
    this.line = svg("polyline", { class: "spark-line" });
    this.dot = svg("circle", { class: "spark-dot", r: "2" });
    const box = `0 0 ${SPARK.width} ${SPARK.height}`;
    this.cells.spark.append(svg("svg", { viewBox: box, "aria-hidden": "true" }, [this.line, this.dot]));
    this.root = el("div", { class: "row", role: "row" }, Object.values(this.cells));
    this.root.addEventListener("click", () => this.task && table.onOpen(keyOf(this.task)));
    this.index = -1;
  }

  /** @param {Task} task @param {number} index @param {Table} table @param {number} now */
  show(task, index, table, now) {
    if (index !== this.index) {
      this.index = index;
      this.root.style.transform = `translateY(${index * table.rowPx}px)`;
      set(this.root, "aria-rowindex", String(index + 2));
    }
    if (task !== this.task) this.#fill(task, table);
    const seen = isOver(task) ? "" : age(task.lagAt, now);
    say(this.cells.seen, seen);
    this.cells.seen.classList.toggle("is-old", task.lagAt !== null && now - task.lagAt > OLD_S);
    const key = keyOf(task);
    this.root.classList.toggle("is-current", table.current === key);
    set(this.root, "aria-selected", table.opened === key ? "true" : "false");
  }

  /** @param {Task} task @param {Table} table */
  #fill(task, table) {
    this.task = task;
    const key = keyOf(task);
    this.root.className = `row s-${task.state}`;
    set(this.root, "id", `row-${key}`);
    say(this.word, words.states[task.state] ?? task.state);
    const name = table.everywhere ? key : task.name;
    say(this.cells.name, name);
    set(this.cells.name, "title", task.title ? `${key} · ${task.title}` : key);
    say(this.cells.phase, task.phase);
    say(this.cells.lag, task.lag === null ? "" : number(task.lag));
    say(this.cells.wave, task.wave);
    say(this.cells.reason, task.reason);
    set(this.cells.reason, "title", task.reason);
    say(this.cells.message, task.message);
    set(this.cells.message, "title", task.message);
    const line = points(task.lags, SPARK.width, SPARK.height, SPARK.inset);
    set(this.line, "points", line.length > 1 ? path(line) : "");
    const end = line.at(-1);
    this.dot.classList.toggle("is-shown", end !== undefined);
    if (end) {
      set(this.dot, "cx", end[0].toFixed(1));
      set(this.dot, "cy", end[1].toFixed(1));
    }
  }
}

export class Table {
  /**
   * @param {object} wishes
   * @param {boolean} wishes.everywhere Whether names include the namespace.
   * @param {(key: string) => void} wishes.onOpen
   */
  constructor({ everywhere, onOpen }) {
    this.everywhere = everywhere;
    this.onOpen = onOpen;
    this.current = "";
    this.opened = "";
    this.now = 0;
    /** @type {string[]} */
    this.keys = [];
    /** @type {Map<string, Task>} */
    this.tasks = new Map();
    this.root = find("table", HTMLDivElement);
    this.scroller = find("rows", HTMLDivElement);
    this.space = find("rows-space", HTMLDivElement);
    this.head = find("table-head", HTMLDivElement);
    this.head.append(...COLUMNS.map((name) => el("span", { class: `cell c-${name}`, role: "columnheader" }, [words.columns[name]])));
    /** @type {Row[]} */
    this.pool = [];
    this.rowPx = 32;
    this.viewPx = 0;
    /** Where it is scrolled to. Asking the document in the middle of a change would lay it out. */
    this.topPx = 0;
    this.#measure();
    this.scroller.addEventListener(
      "scroll",
      () => {
        this.topPx = this.scroller.scrollTop;
        this.draw();
      },
      { passive: true },
    );
    new ResizeObserver(() => {
      this.#measure();
      this.draw();
    }).observe(this.scroller);
  }

  #measure() {
    const probe = el("div", { class: "row row-probe" });
    this.space.append(probe);
    const rowPx = probe.offsetHeight || this.rowPx;
    probe.remove();
    if (rowPx !== this.rowPx) {
      this.rowPx = rowPx;
      for (const row of this.pool) row.index = -1;
    }
    this.viewPx = this.scroller.clientHeight;
    // The heads align with the rows, whether or not the scroll bar takes up space.
    this.head.style.marginRight = `${this.scroller.offsetWidth - this.scroller.clientWidth}px`;
  }

  /**
   * Show these tasks, in this order.
   * @param {string[]} keys
   * @param {Map<string, Task>} tasks
   * @param {number} now
   */
  show(keys, tasks, now) {
    this.keys = keys;
    this.tasks = tasks;
    this.now = now;
    set(this.root, "aria-rowcount", String(keys.length + 1));
    const heightPx = `${keys.length * this.rowPx}px`;
    if (this.space.style.height !== heightPx) this.space.style.height = heightPx;
    this.draw();
  }

  /** Bring the rows that can be seen up to date. */
  draw() {
    const wanted = Math.min(this.keys.length, Math.ceil(this.viewPx / this.rowPx) + 1 + 2 * SPARE);
    const top = Math.max(0, Math.floor(this.topPx / this.rowPx) - SPARE);
    const first = Math.min(top, this.keys.length - wanted);
    while (this.pool.length < wanted) {
      const row = new Row(this);
      this.pool.push(row);
      this.space.append(row.root);
    }
    while (this.pool.length > wanted) this.pool.pop()?.root.remove();
    for (let index = first; index < first + wanted; index += 1) {
      // An index of the list keeps its row while scrolling, so most rows need no new text.
      const task = this.tasks.get(this.keys[index]);
      if (task) this.pool[index % wanted].show(task, index, this, this.now);
    }
    const marked = this.current && this.keys.includes(this.current);
    set(this.scroller, "aria-activedescendant", marked ? `row-${this.current}` : null);
  }

  /**
   * Move the selection by this many rows, and scroll it into view.
   * @param {number} by Infinity or -Infinity for the ends.
   */
  move(by) {
    if (!this.keys.length) return;
    const at = this.keys.indexOf(this.current);
    const to = at < 0 && Number.isFinite(by) ? 0 : Math.min(Math.max(at + by, 0), this.keys.length - 1);
    this.current = this.keys[to];
    const beginPx = to * this.rowPx;
    const endPx = beginPx + this.rowPx - this.viewPx;
    const topPx = Math.max(Math.min(this.topPx, beginPx), endPx);
    if (topPx !== this.topPx) {
      this.scroller.scrollTop = topPx;
      this.topPx = this.scroller.scrollTop;
    }
    this.draw();
  }

  /** Rows that fit into sight. */
  get page() {
    return Math.max(1, Math.floor(this.viewPx / this.rowPx) - 1);
  }
}
