/**
 * What the page knows: filled by a snapshot, kept up to date by changes. Pure.
 * @module
 */

/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").Wave} Wave */
/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").Link} Link */
/** @typedef {import("./types.js").Plural} Plural */

/** Lags of a task, two numbers each; as many as the server keeps. */
const LAG_NUMBERS_MAX = 64;

/** Points of the night: the server has fewer, and sends all of them again with a snapshot. */
const POINTS_MAX = 1000;

/** @param {{ns: string, name: string}} one */
export const keyOf = (one) => `${one.ns}/${one.name}`;

export class Model {
  constructor() {
    /** @type {Map<string, Task>} */
    this.tasks = new Map();
    /** @type {Map<string, Wave>} */
    this.waves = new Map();
    /** @type {Map<string, Project>} */
    this.projects = new Map();
    /** @type {number[][]} */
    this.night = [];
    /** @type {Record<Plural, Link> | null} */
    this.links = null;
    this.namespace = "";
    this.recording = "";
    /** Whether tasks came or went since this was last set to false. */
    this.reshaped = true;
  }

  /** @param {import("./types.js").Snapshot} snapshot */
  fill(snapshot) {
    this.tasks = new Map(snapshot.migrationtasks.map((task) => [keyOf(task), task]));
    this.waves = new Map(snapshot.migrationwaves.map((wave) => [keyOf(wave), wave]));
    this.projects = new Map(snapshot.dcsprojects.map((one) => [keyOf(one), one]));
    this.night = snapshot.nights;
    this.links = snapshot.links;
    this.namespace = snapshot.namespace;
    this.recording = snapshot.recording;
    this.reshaped = true;
  }

  /** @param {import("./types.js").Changes} changes */
  change(changes) {
    for (const task of changes.migrationtasks ?? []) this.#put(task);
    for (const key of changes.migrationtasksGone ?? []) {
      this.reshaped = this.tasks.delete(key) || this.reshaped;
    }
    for (const wave of changes.migrationwaves ?? []) this.waves.set(keyOf(wave), wave);
    for (const key of changes.migrationwavesGone ?? []) this.waves.delete(key);
    for (const one of changes.dcsprojects ?? []) this.projects.set(keyOf(one), one);
    for (const key of changes.dcsprojectsGone ?? []) this.projects.delete(key);
    if (changes.night) this.#point(changes.night);
    if (changes.links) this.links = changes.links;
    if (changes.recording !== undefined) this.recording = changes.recording;
    if (changes.namespace !== undefined) this.namespace = changes.namespace;
  }

  /** @param {Task} task */
  #put(task) {
    const key = keyOf(task);
    const before = this.tasks.get(key);
    const lags = before?.lags ?? [];
    task.lags = lags;
    if (task.lag !== null && task.lagAt !== null && task.lagAt > (lags.at(-2) ?? -Infinity)) {
      task.lags = [...lags.slice(-(LAG_NUMBERS_MAX - 2)), task.lagAt, task.lag];
    }
    this.tasks.set(key, task);
    this.reshaped ||= before === undefined || before.state !== task.state;
  }

  /** @param {number[]} point */
  #point(point) {
    if (this.night.at(-1)?.[0] === point[0]) this.night.pop();
    this.night.push(point);
    if (this.night.length > POINTS_MAX) this.night.splice(0, this.night.length - POINTS_MAX);
  }
}

/**
 * Count tasks by their states.
 * @param {Iterable<Task>} tasks
 * @returns {Map<string, number>}
 */
export function countByState(tasks) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const task of tasks) counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  return counts;
}

/** @param {Task} task */
export const waveKey = (task) => (task.wave ? `${task.ns}/${task.wave}` : "");

/** @param {Task} task Whether its lag no longer matters. */
export const isOver = (task) => task.state === "stopped" || task.state === "observed";

/**
 * Compare by urgency: tasks that need a person first, then the highest lag, then those under way.
 * The same order as in `kubectl dcs status`.
 * @param {string[]} states
 * @returns {(a: Task, b: Task) => number}
 */
export function byUrgency(states) {
  const rank = new Map(states.map((state, index) => [state, index]));
  return (a, b) => {
    const trouble = Number(b.state === "trouble") - Number(a.state === "trouble");
    if (trouble) return trouble;
    const lag = urgentLag(b) - urgentLag(a);
    if (lag) return lag;
    const over = Number(isOver(a)) - Number(isOver(b));
    if (over) return over;
    const state = (rank.get(a.state) ?? 0) - (rank.get(b.state) ?? 0);
    if (state) return state;
    if (a.ns !== b.ns) return a.ns < b.ns ? -1 : 1;
    return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  };
}

/** @param {Task} task */
const urgentLag = (task) => (task.lag === null || isOver(task) ? -1 : task.lag);
