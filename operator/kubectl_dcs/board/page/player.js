/**
 * Plays a recording: a slider over the night, play and pause, and a speed.
 * @module
 */

import { el, find, say, set } from "./dom.js";
import { moment } from "./format.js";
import { words } from "./words.js";

/** Between two steps while it plays. */
const STEP_MS = 250;

const SPEEDS = [1, 10, 60, 300];
const SPEED_FIRST = 10;

export class Player {
  /**
   * @param {{begin: number, end: number}} recording
   * @param {(at: number, from: number | null) => Promise<void>} show Shows a moment or, with `from`,
   *     the changes since then.
   */
  constructor(recording, show) {
    this.begin = recording.begin;
    this.end = recording.end;
    this.show = show;
    this.at = recording.begin;
    this.playing = false;
    this.speed = SPEED_FIRST;
    this.busy = false;
    /** @type {number | null} */
    this.wanted = null;
    const root = find("player", HTMLElement);
    root.hidden = false;
    this.button = el("button", { type: "button", class: "button player-play" });
    this.slider = el("input", { type: "range", min: String(this.begin), max: String(this.end), step: "0.1", "aria-label": words.player.position });
    this.clock = el("output", { class: "player-clock" });
    const speeds = el("select", { "aria-label": words.player.speed }, SPEEDS.map((speed) => el("option", { value: String(speed), selected: speed === SPEED_FIRST }, [`${speed}×`])));
    root.append(this.button, this.slider, this.clock, speeds);
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => void this.seek(Number(this.slider.value)));
    speeds.addEventListener("change", () => (this.speed = Number(speeds.value)));
    setInterval(() => void this.#step(), STEP_MS);
    this.#tell();
  }

  toggle() {
    this.playing = !this.playing;
    if (this.playing && this.at >= this.end) void this.seek(this.begin);
    this.#tell();
  }

  /**
   * Go to a moment. While one is loading, only the latest request is kept.
   * @param {number} at
   */
  async seek(at) {
    this.wanted = Math.min(Math.max(at, this.begin), this.end);
    if (this.busy) return;
    while (this.wanted !== null) {
      const to = this.wanted;
      this.wanted = null;
      await this.#go(to, null);
    }
  }

  async #step() {
    if (!this.playing || this.busy || document.hidden) return;
    const to = Math.min(this.at + (this.speed * STEP_MS) / 1000, this.end);
    if (to > this.at) await this.#go(to, this.at);
    if (this.at >= this.end) {
      this.playing = false;
      this.#tell();
    }
  }

  /** @param {number} to @param {number | null} from */
  async #go(to, from) {
    this.busy = true;
    try {
      await this.show(to, from);
      this.at = to;
    } finally {
      this.busy = false;
      this.#tell();
    }
  }

  #tell() {
    say(this.button, this.playing ? words.player.pause : words.player.play);
    set(this.button, "aria-pressed", this.playing ? "true" : "false");
    if (document.activeElement !== this.slider || this.playing) this.slider.value = String(this.at);
    say(this.clock, moment(this.at));
  }
}
