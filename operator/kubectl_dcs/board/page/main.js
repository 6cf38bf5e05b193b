/**
 * The page: wires its parts, and draws them when something has changed.
 * @module
 */

import * as api from "./api.js";
import { Cards, sums } from "./cards.js";
import { Confirm } from "./confirm.js";
import { Drawer, copyable } from "./details.js";
import { el, find, say, set } from "./dom.js";
import * as filters from "./filters.js";
import { moment, number, span, time } from "./format.js";
import { headline } from "./headline.js";
import { help, listen } from "./keys.js";
import { Model, byUrgency, countByState, keyOf } from "./model.js";
import { noticeOf, partly, placeOf } from "./notices.js";
import { Player } from "./player.js";
import { Stream } from "./stream.js";
import { Strip } from "./strip.js";
import { Table } from "./table.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Task} Task */
/** @typedef {import("./types.js").About} About */
/** @typedef {import("./notices.js").Contact} Contact */

/** Rows change their places at most so often: a table that jumps cannot be read. */
const SORT_MS = 2000;

/** Nor while somebody points at them, for so long after the last move. */
const STILL_MS = 3000;

/** Waves and the strip are drawn anew at most so often. */
const SLOW_MS = 1000;

/** Ages grow by the second. */
const TICK_MS = 1000;

const START_MS = 2000;

class Page {
  /** @param {About} about */
  constructor(about) {
    this.about = about;
    this.model = new Model();
    const everywhere = about.scope.namespace === null;
    const query = new URLSearchParams(location.search);
    this.filter = filters.fromQuery(query, about.states);
    /** @type {Contact} */
    this.contact = "none";
    /** Server's clock minus the tab's, in seconds. */
    this.ahead = 0;
    this.compare = byUrgency(about.states);
    /** @type {Task[]} */
    this.ordered = [];
    this.sortedMs = -Infinity;
    this.slowMs = -Infinity;
    this.pointedMs = -Infinity;
    this.drawing = false;
    this.stale = true;
    this.cards = new Cards({
      actions: about.actions,
      everywhere,
      onPick: (key) => this.look({ ...this.filter, wave: this.filter.wave === key ? "" : key }),
      onChange: (key) => this.#askChange(key),
    });
    this.strip = new Strip(
      about.states,
      (state) => this.#toggle(state),
      () => {
        this.slowMs = -Infinity;
        this.redraw();
      },
    );
    this.table = new Table({ everywhere, onOpen: (key) => this.open(key) });
    this.drawer = new Drawer((key) => this.#details(key), () => this.open(""));
    this.confirm = new Confirm(
      (wave) => api.may(wave.ns, wave.name),
      (wanted) => api.change(wanted, this.about.token),
    );
    this.search = find("search", HTMLInputElement);
    this.search.placeholder = words.search;
    set(this.search, "aria-label", words.search);
    this.search.value = this.filter.text;
    this.search.addEventListener("input", () => this.look({ ...this.filter, text: this.search.value }));
    this.clear = find("clear", HTMLButtonElement);
    say(this.clear, words.clearFilters);
    this.clear.addEventListener("click", () => this.look(filters.everything()));
    find("rows", HTMLDivElement).addEventListener("pointermove", () => (this.pointedMs = performance.now()));
    /** @type {Player | null} */
    this.player = null;
    this.#name();
    this.#keys();
    const opened = query.get("task");
    if (opened) this.open(opened);
    this.#address();
  }

  /** The moment that is shown. */
  get now() {
    return this.player ? this.player.at : Date.now() / 1000 + this.ahead;
  }

  start() {
    const { playback } = this.about;
    if (playback) {
      this.contact = "connected";
      this.player = new Player(playback, (at, from) => this.#show(at, from));
      void this.player.seek(playback.begin);
    } else {
      new Stream({
        onSnapshot: (snapshot) => {
          this.ahead = snapshot.now - Date.now() / 1000;
          this.model.fill(snapshot);
          this.sortedMs = -Infinity;
          this.slowMs = -Infinity;
          this.redraw();
        },
        onChanges: (changes) => {
          this.ahead = changes.now - Date.now() / 1000;
          this.model.change(changes);
          this.redraw();
        },
        onContact: (contact) => {
          this.contact = contact;
          this.redraw();
        },
      }).open();
    }
    setInterval(() => this.redraw(), TICK_MS);
    document.addEventListener("visibilitychange", () => this.redraw());
  }

  /** @param {number} at @param {number | null} from */
  async #show(at, from) {
    if (from === null) {
      this.model.fill(await api.momentAt(at));
      this.sortedMs = -Infinity;
      this.slowMs = -Infinity;
    } else {
      this.model.change(await api.momentAfter(at, from));
    }
    this.redraw();
  }

  /** @param {string} key */
  #details(key) {
    const slash = key.indexOf("/");
    const at = this.player ? this.player.at : null;
    return api.details(key.slice(0, slash), key.slice(slash + 1), at);
  }

  /**
   * Change the filter.
   * @param {import("./types.js").Filter} filter
   */
  look(filter) {
    this.filter = filter;
    if (this.search.value !== filter.text) this.search.value = filter.text;
    this.sortedMs = -Infinity;
    this.slowMs = -Infinity;
    this.#address();
    this.redraw();
  }

  /** @param {string} state */
  #toggle(state) {
    this.look(filters.toggled(this.filter, state, this.about.states));
  }

  /** @param {string} key Empty to close. */
  open(key) {
    const before = this.table.opened;
    this.table.opened = key;
    if (key) {
      this.table.current = key;
      if (key !== before) this.drawer.open(key);
    } else {
      this.drawer.close();
      if (before) this.table.scroller.focus({ preventScroll: true });
    }
    document.body.classList.toggle("has-drawer", key !== "");
    this.#address();
    this.redraw();
  }

  #address() {
    const query = filters.toQuery(this.filter, this.table.opened);
    const path = query || location.pathname;
    if (location.search !== query) history.replaceState(null, "", path);
  }

  redraw() {
    this.stale = true;
    if (this.drawing || document.hidden) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (this.stale) this.#draw();
    });
  }

  #draw() {
    this.stale = false;
    const { model, now } = this;
    const ms = performance.now();
    const all = [...model.tasks.values()];
    const found = filters.isEverything(this.filter) ? all : all.filter(filters.matcher(this.filter));
    const counts = countByState(found);
    const total = found === all ? counts : countByState(all);
    this.strip.count(counts, this.filter.states);
    this.#sort(ms, found);
    this.table.show(this.table.keys, model.tasks, now);
    if (ms - this.slowMs >= SLOW_MS) {
      this.slowMs = ms;
      this.cards.show(this.#waves(), sums(all), this.filter.wave, now);
      this.strip.draw(model.night, now, this.about.playback);
    }
    this.#say(total);
    const key = this.table.opened;
    const task = model.tasks.get(key);
    if (model.links) void this.drawer.update(task, `${task?.v} ${this.player ? now : ""}`, now);
  }

  /** Of a selection by labels only the waves that it names. */
  #waves() {
    const waves = [...this.model.waves.values()];
    if (!this.about.scope.labels) return waves;
    const named = new Set([...this.model.tasks.values()].map((task) => `${task.ns}/${task.wave}`));
    return waves.filter((wave) => named.has(keyOf(wave)));
  }

  /** @param {number} ms @param {Task[]} found */
  #sort(ms, found) {
    const pointed = ms - this.pointedMs < STILL_MS;
    const due = ms - this.sortedMs >= SORT_MS && !pointed;
    if (!due && !this.model.reshaped) return;
    if (!due && this.model.reshaped && ms - this.sortedMs < SORT_MS) {
      // Deleted tasks disappear at once; new ones wait for the next sorting.
      this.table.keys = this.table.keys.filter((key) => this.model.tasks.has(key));
      return;
    }
    this.sortedMs = ms;
    this.model.reshaped = false;
    // Start from the previous order: sorting is fast on almost sorted input.
    const { tasks } = this.model;
    const before = this.ordered.map((task) => tasks.get(keyOf(task))).filter((task) => task !== undefined);
    if (before.length < tasks.size) {
      const there = new Set(before);
      for (const task of tasks.values()) if (!there.has(task)) before.push(task);
    }
    this.ordered = before.sort(this.compare);
    const { states } = this.filter;
    const wanted = new Set(found);
    const shown = this.ordered.filter(
      (task) => wanted.has(task) && (!states.length || states.includes(task.state)),
    );
    this.table.keys = shown.map(keyOf);
  }

  /** @param {Map<string, number>} counts Of all tasks. */
  #say(counts) {
    const { model, now } = this;
    const { scope, playback } = this.about;
    const total = model.tasks.size;
    const shown = this.table.keys.length;
    say(find("shown", HTMLSpanElement), filters.isEverything(this.filter) ? words.tasks(total, number(total)) : words.ofTasks(number(shown), number(total)));
    this.clear.hidden = filters.isEverything(this.filter);
    say(find("clock", HTMLSpanElement), playback ? moment(now) : time(now));
    const line = headline(this.ordered, counts);
    const headlineBox = find("headline", HTMLParagraphElement);
    say(headlineBox, line.text);
    headlineBox.className = `headline s-${line.kind}`;
    const told = noticeOf(model, playback ? "connected" : this.contact, scope, now);
    this.#notice(told ?? (total && !shown ? { id: "no-match", tone: "calm", why: "", command: "", ...words.noMatch } : null));
    this.#link(told);
    this.#recorded();
    say(find("partly", HTMLParagraphElement), partly(model));
    const trouble = counts.get("trouble") ?? 0;
    const title = `${trouble ? `(${trouble}!) ` : ""}${words.title} · ${placeOf(scope)}`;
    if (document.title !== title) document.title = title;
    document.body.classList.toggle("is-old", told !== null && told.tone !== "calm" && total > 0);
    document.body.classList.toggle("is-bare", total === 0);
    set(document.body, "data-ready", model.links !== null);
  }

  /** @param {import("./notices.js").Notice | null} told */
  #notice(told) {
    const box = find("notice", HTMLElement);
    const text = told ? [told.id, told.tone, told.title, told.text, told.why, told.command].join("\n") : "";
    if (box.dataset.text === text) return;
    box.dataset.text = text;
    box.hidden = told === null;
    set(box, "data-notice", told?.id ?? null);
    if (!told) {
      box.replaceChildren();
      return;
    }
    box.className = `notice notice-${told.tone}`;
    box.replaceChildren(
      el("h2", {}, [told.title]),
      el("p", {}, [told.text]),
      ...(told.command ? [el("p", {}, [copyable(told.command)])] : []),
      ...(told.why ? [el("p", { class: "quiet" }, [told.why])] : []),
    );
  }

  /** @param {import("./notices.js").Notice | null} told */
  #link(told) {
    const box = find("link", HTMLSpanElement);
    const link = this.model.links?.migrationtasks;
    let word = words.live;
    let tone = "live";
    if (this.about.playback) {
      word = words.playback(this.about.playback.name);
      tone = "playback";
    } else if (told?.id === "reading") {
      word = words.starting;
      tone = "calm";
    } else if (told && ["lost", "forbidden", "unauthorized", "refused", "unknown-kind"].includes(told.id) && link) {
      word = this.model.tasks.size ? words.dataIsOld(span(this.now - link.since)) : words.notLive;
      tone = "old";
    } else if (told && ["board", "session", "crowded"].includes(told.id)) {
      word = words.notLive;
      tone = "bad";
    }
    say(box, word);
    set(box, "data-tone", tone);
  }

  #recorded() {
    const { recording, playback } = this.about;
    const box = find("recording", HTMLSpanElement);
    const trouble = this.model.recording;
    let text = "";
    if (recording) text = trouble ? words.recordingStopped(trouble) : words.recording(recording);
    if (playback?.skipped) text = words.skipped(playback.skipped);
    box.hidden = !text;
    box.classList.toggle("is-interrupted", trouble !== "");
    say(box, text);
  }

  #name() {
    const { scope } = this.about;
    document.documentElement.lang = words.lang;
    say(find("place", HTMLSpanElement), placeOf(scope));
    const more = [scope.labels && `${words.selector} ${scope.labels}`, scope.host].filter(Boolean);
    say(find("cluster", HTMLSpanElement), more.join(" · "));
    const keys = find("keys", HTMLButtonElement);
    say(keys, "?");
    set(keys, "aria-label", words.help.button);
    set(keys, "title", words.help.button);
    keys.addEventListener("click", help);
  }

  #keys() {
    listen({
      search: () => this.search.select(),
      escape: () => {
        if (document.activeElement === this.search) {
          if (this.search.value) this.look({ ...this.filter, text: "" });
          else this.table.scroller.focus();
        } else if (this.table.opened) this.open("");
        else if (!filters.isEverything(this.filter)) this.look(filters.everything());
      },
      move: (by) => {
        const rows = by === "page" ? this.table.page : by === "-page" ? -this.table.page : by;
        this.table.move(rows);
        this.table.scroller.focus({ preventScroll: true });
        this.pointedMs = performance.now();
        if (this.table.opened) this.open(this.table.current);
      },
      open: () => {
        if (!this.table.current) this.table.move(1);
        this.open(this.table.current);
      },
      state: (index) => {
        const state = this.about.states[index];
        if (state) this.#toggle(state);
      },
      clear: () => this.look(filters.everything()),
      play: () => {
        this.player?.toggle();
        return this.player !== null;
      },
    });
  }

  /** @param {string} key */
  #askChange(key) {
    const wave = this.model.waves.get(key);
    if (!wave) return;
    const sum = sums(this.model.tasks.values()).get(key);
    void this.confirm.ask(wave, sum?.counts ?? new Map(), this.about.states);
  }
}

async function begin() {
  const token = new URLSearchParams(location.search);
  if (token.has("token")) {
    // It has become a cookie; keep it off the screen and out of the history.
    token.delete("token");
    const rest = token.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    history.replaceState(null, "", rest ? `?${rest}` : location.pathname);
  }
  try {
    const about = await api.about();
    if (about) {
      new Page(about).start();
      return;
    }
    const box = find("notice", HTMLElement);
    box.hidden = false;
    set(box, "data-notice", "session");
    box.replaceChildren(el("h2", {}, [words.session.title]), el("p", {}, [words.session.text]));
  } catch {
    setTimeout(begin, START_MS);
  }
}

void begin();
