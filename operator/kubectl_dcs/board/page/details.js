/**
 * The details of a row: lag, progress of the stop, conditions, the project, commands to copy.
 * @module
 */

import { el, find, svg } from "./dom.js";
import { iso, moment, number, span, time } from "./format.js";
import { path, points } from "./spark.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").Details} TaskDetails */

const CHART = { width: 380, height: 84, inset: 6 };

/** Between two questions for the task that is open, however often it changes. */
const ASK_MS = 1000;

const said = words.details;

export class Drawer {
  /**
   * @param {(key: string) => Promise<TaskDetails | null>} ask Null if the task does not exist.
   * @param {() => void} onClose
   */
  constructor(ask, onClose) {
    this.ask = ask;
    this.root = find("drawer", HTMLElement);
    this.body = find("drawer-body", HTMLDivElement);
    this.title = find("drawer-title", HTMLHeadingElement);
    const close = find("drawer-close", HTMLButtonElement);
    close.setAttribute("aria-label", said.close);
    close.addEventListener("click", onClose);
    this.key = "";
    this.version = "";
    this.shown = "";
    this.askedMs = -Infinity;
    this.asking = false;
  }

  /** @param {string} key */
  open(key) {
    this.key = key;
    this.version = "";
    this.shown = "";
    this.askedMs = -Infinity;
    this.root.hidden = false;
    this.body.replaceChildren();
    this.body.scrollTop = 0;
    this.title.textContent = key;
  }

  close() {
    this.key = "";
    this.root.hidden = true;
  }

  /**
   * Refresh the open details, if they have changed since they were requested.
   * @param {Task | undefined} task
   * @param {string} version Identifies the state; for a recording it includes the moment.
   * @param {number} now
   */
  async update(task, version, now) {
    if (!this.key || this.asking) return;
    if (!task) {
      this.version = "";
      this.#show({ key: this.key, text: said.gone });
      return;
    }
    if (version === this.version || performance.now() - this.askedMs < ASK_MS) return;
    const { key } = this;
    this.asking = true;
    this.askedMs = performance.now();
    try {
      const found = await this.ask(key);
      if (key === this.key) {
        this.version = version;
        this.#show(found ? { key, found, task, now } : { key, text: said.gone });
      }
    } catch {
      if (key === this.key && !this.shown) this.#show({ key, text: said.failed });
    } finally {
      this.asking = false;
    }
  }

  /** @param {{key: string, text?: string, found?: TaskDetails, task?: Task, now?: number}} what */
  #show({ key, text, found, task, now = 0 }) {
    const shown = JSON.stringify([key, text, found]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.root.dataset.key = key;
    if (found && task) this.body.replaceChildren(...sections(found, task, now));
    else this.body.replaceChildren(el("p", { class: "quiet" }, [text ?? ""]));
  }
}

/**
 * @param {TaskDetails} found
 * @param {Task} task
 * @param {number} now
 * @returns {Node[]}
 */
function sections(found, task, now) {
  const { entry } = found;
  const head = el("section", { class: `drawer-head s-${entry.state}` }, [
    el("p", { class: "drawer-state" }, [el("i", { class: "dot", "aria-hidden": "true" }), words.states[entry.state] ?? entry.state, el("span", { class: "quiet" }, [entry.phase])]),
    el("p", { class: "drawer-why" }, [el("b", {}, [entry.reason]), ` ${found.message}`]),
  ]);
  const made = [head, lagSection(found, task, now), stopSection(found, now)];
  if (found.lastError) made.push(errorSection(found.lastError));
  made.push(migrationSection(found), conditionsSection(found), projectSection(found), commandsSection(found));
  return made;
}

/** @param {string} title @param {Node[]} children */
const section = (title, children) => el("section", {}, [el("h3", {}, [title]), ...children]);

/** @param {[string, string | Node][]} rows Those with an empty text are left out. */
function pairs(rows) {
  const there = rows.filter(([, value]) => value !== "");
  return el("dl", { class: "pairs" }, there.flatMap(([name, value]) => [el("dt", {}, [name]), el("dd", {}, [value])]));
}

/** @param {TaskDetails} found @param {Task} task @param {number} now */
function lagSection(found, task, now) {
  const { entry } = found;
  if (entry.lag === null) return section(said.lag, [el("p", { class: "quiet" }, [said.noLag])]);
  const line = points(task.lags, CHART.width, CHART.height, CHART.inset);
  const end = line.at(-1) ?? [0, 0];
  const chart = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: `chart s-${entry.state}`, "aria-hidden": "true" }, [
    svg("line", { class: "chart-zero", x1: "0", x2: String(CHART.width), y1: String(CHART.height - CHART.inset), y2: String(CHART.height - CHART.inset) }),
    svg("polyline", { class: "spark-line", points: path(line) }),
    svg("circle", { class: "spark-dot is-shown", r: "3", cx: String(end[0]), cy: String(end[1]) }),
  ]);
  const notes = [];
  if (entry.lagAt !== null) notes.push(said.seenAgo(span(now - entry.lagAt)));
  if (found.caughtUpSince !== null) notes.push(said.caughtUpFor(span(now - found.caughtUpSince)));
  const keys =
    found.sourceKeys === null && found.targetKeys === null
      ? ""
      : [found.sourceKeys, found.targetKeys].map((one) => (one === null ? "?" : number(one))).join(" → ");
  return section(said.lag, [
    el("p", { class: "drawer-lag" }, [el("b", {}, [number(entry.lag)]), el("span", { class: "quiet" }, [notes.join(" · ")])]),
    chart,
    pairs([
      [said.fullProgress, found.fullProgress === null ? "" : `${number(found.fullProgress)} %`],
      [said.keys, keys],
    ]),
  ]);
}

/** @param {TaskDetails} found @param {number} now */
function stopSection(found, now) {
  const steps = found.timeline.map(({ what, at }, index) => {
    // The time since its creation says nothing about the progress of the stop.
    const before = index > 1 ? found.timeline[index - 1].at : at;
    const after = at > before ? `+${span(at - before)}` : "";
    const name = /** @type {Record<string, string>} */ (said.moments)[what] ?? what;
    return el("li", { class: `step step-${what}` }, [
      el("span", {}, [name]),
      el("time", { datetime: iso(at), title: iso(at) }, [what === "created" ? moment(at) : time(at)]),
      el("span", { class: "quiet" }, [after]),
    ]);
  });
  const ordered = found.timeline.some(({ what }) => what === "ordered");
  const due = found.timesOutAt;
  const limit =
    due === null || ordered ? "" : due > now ? said.timesOut(span(due - now)) : said.timedOut(span(now - due));
  return section(said.stop, [
    el("ol", { class: "steps" }, steps),
    ...(limit ? [el("p", { class: "limit" }, [limit])] : []),
    ...(ordered ? [] : [el("p", { class: "quiet" }, [said.notOrdered])]),
    pairs([
      [said.orders, found.orders ? number(found.orders) : ""],
      [said.lagAtOrder, found.lagAtOrder === null ? "" : number(found.lagAtOrder)],
      [said.requestId, found.requestId ? copyable(found.requestId) : ""],
    ]),
  ]);
}

/** @param {NonNullable<TaskDetails["lastError"]>} error */
function errorSection(error) {
  return section(said.error, [
    el("p", { class: "drawer-error" }, [error.code ? `${error.code}: ` : "", error.message]),
    pairs([[said.requestId, error.requestId ? copyable(error.requestId) : ""]]),
  ]);
}

/** @param {TaskDetails} found */
function migrationSection(found) {
  return section(said.migration, [
    pairs([
      [said.name, found.entry.title],
      [said.id, copyable(found.taskId)],
      [said.method, found.method],
      [said.source, found.source],
      [said.target, found.target],
    ]),
  ]);
}

/** @param {TaskDetails} found */
function conditionsSection(found) {
  const rows = found.conditions.map((one) =>
    el("li", { class: "condition", "data-status": one.status }, [
      el("p", {}, [
        el("b", {}, [one.type]),
        el("span", { class: "condition-status" }, [one.status]),
        el("span", {}, [one.reason]),
        ...(one.at === null ? [] : [el("time", { class: "quiet", datetime: iso(one.at), title: iso(one.at) }, [time(one.at)])]),
      ]),
      el("p", { class: "quiet" }, [one.message]),
    ]),
  );
  return section(said.conditions, [el("ul", { class: "conditions" }, rows)]);
}

/** @param {TaskDetails} found */
function projectSection(found) {
  const { project } = found;
  if (!project) {
    const shared = found.projectName.startsWith("ClusterDCSProject ");
    return section(said.project, [
      el("p", {}, [el("b", {}, [found.projectName.replace(/^ClusterDCSProject /, "")]), el("span", { class: "quiet" }, [` ${shared ? said.shared : said.unknownProject}`])]),
    ]);
  }
  return section(said.project, [
    el("p", {}, [
      el("b", {}, [project.name]),
      el("span", { class: "quiet" }, [` ${project.ready === "True" ? "" : `${project.reason} ${project.message}`}`]),
      ...(project.suspended ? [el("span", { class: "limit" }, [` ${said.suspended}`])] : []),
    ]),
    pairs([
      [said.region, project.region],
      [said.endpoint, project.endpoint],
      [said.projectId, project.projectId],
    ]),
  ]);
}

/** @param {TaskDetails} found */
function commandsSection(found) {
  return section(said.commands, [el("ul", { class: "commands" }, found.commands.map((one) => el("li", {}, [copyable(one)])))]);
}

/**
 * A text with a button that copies it.
 * @param {string} text
 */
export function copyable(text) {
  const button = el("button", { type: "button", class: "copy", "aria-label": `${said.copy}: ${text}` }, [said.copy]);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = said.copied;
    } catch {
      // Without access to the clipboard, select the text to be copied by hand.
      getSelection()?.selectAllChildren(code);
    }
  });
  const code = el("code", {}, [text]);
  return el("span", { class: "copyable" }, [code, button]);
}
