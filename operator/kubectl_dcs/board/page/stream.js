/**
 * The stream of changes: resumes where it broke off, pauses while the tab is hidden.
 *
 * A browser allows few connections to one server, and a stream occupies one. So a hidden tab gives
 * its connection up after a while, and resumes from there once it is visible again.
 * @module
 */

/** @typedef {import("./notices.js").Contact} Contact */

/** For so long a hidden tab stays connected: somebody looks at another one for a moment. */
const HIDDEN_MS = 30_000;

/** Without any sign of life for so long the board is lost; it sends one in 10 s. */
const SILENT_MS = 25_000;

const PAUSE_MS_FIRST = 1000;
const PAUSE_MS_MAX = 10_000;

/** How long the answer to whether the board is there may take. */
const PROBE_MS_MAX = 5000;

export class Stream {
  /**
   * @param {object} wishes
   * @param {(snapshot: import("./types.js").Snapshot) => void} wishes.onSnapshot
   * @param {(changes: import("./types.js").Changes) => void} wishes.onChanges
   * @param {(contact: Contact) => void} wishes.onContact
   */
  constructor({ onSnapshot, onChanges, onContact }) {
    this.onSnapshot = onSnapshot;
    this.onChanges = onChanges;
    this.onContact = onContact;
    /** @type {EventSource | null} */
    this.source = null;
    this.last = "";
    this.pauseMs = PAUSE_MS_FIRST;
    this.heardMs = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.rest = undefined;
    document.addEventListener("visibilitychange", () => this.#seen());
    setInterval(() => this.#listen(), 1000);
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(`/api/events?after=${encodeURIComponent(this.last)}`);
    this.source = source;
    this.heardMs = performance.now();
    source.addEventListener("snapshot", (event) => this.#take(event, this.onSnapshot));
    source.addEventListener("changes", (event) => this.#take(event, this.onChanges));
    source.addEventListener("beat", () => this.#heard());
    source.addEventListener("error", () => this.#broken(source));
  }

  /**
   * @template T
   * @param {MessageEvent<string>} event
   * @param {(value: T) => void} take
   */
  #take(event, take) {
    this.last = event.lastEventId;
    take(JSON.parse(event.data));
    this.#heard();
  }

  #heard() {
    this.heardMs = performance.now();
    this.pauseMs = PAUSE_MS_FIRST;
    this.onContact("connected");
  }

  /** @param {EventSource} source */
  async #broken(source) {
    if (source !== this.source) return;
    source.close();
    this.source = null;
    this.timer = setTimeout(() => this.open(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MS_MAX);
    this.onContact(await this.#why());
  }

  /** @returns {Promise<Contact>} */
  async #why() {
    try {
      const answer = await fetch("/api/about", { signal: AbortSignal.timeout(PROBE_MS_MAX) });
      if (answer.status === 401 || answer.status === 403) return "ended";
      return answer.ok && this.pauseMs > 2 * PAUSE_MS_FIRST ? "crowded" : "lost";
    } catch {
      return "lost";
    }
  }

  #listen() {
    if (this.source && performance.now() - this.heardMs > SILENT_MS) void this.#broken(this.source);
  }

  #seen() {
    clearTimeout(this.rest);
    if (document.hidden) {
      this.rest = setTimeout(() => {
        clearTimeout(this.timer);
        this.source?.close();
        this.source = null;
      }, HIDDEN_MS);
    } else if (!this.source) {
      this.open();
    }
  }
}
