/**
 * Numbers, spans and times as people read them. Pure.
 * @module
 */

import { words } from "./words.js";

const numbers = new Intl.NumberFormat(words.lang);

const clock = new Intl.DateTimeFormat(words.lang, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

const short = new Intl.DateTimeFormat(words.lang, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const day = new Intl.DateTimeFormat(words.lang, { month: "short", day: "numeric" });

/** @param {number} value */
export const number = (value) => numbers.format(value);

/**
 * A span of seconds in two units at most, as kubectl writes ages.
 * @param {number} seconds
 */
export function span(seconds) {
  const whole = Math.floor(Math.max(seconds, 0));
  /** @type {[string, number, string, number][]} */
  const units = [
    ["d", 86400, "h", 3600],
    ["h", 3600, "m", 60],
    ["m", 60, "s", 1],
  ];
  for (const [unit, size, below, part] of units) {
    if (whole >= size) {
      const rest = Math.floor((whole % size) / part);
      return `${Math.floor(whole / size)}${unit}${rest ? `${rest}${below}` : ""}`;
    }
  }
  return `${whole}s`;
}

/**
 * How long ago a time is.
 * @param {number | null} at
 * @param {number} now
 */
export const age = (at, now) => (at === null ? "" : span(now - at));

/** @param {number} at The time of the day, to the second. */
export const time = (at) => clock.format(at * 1000);

/** @param {number} at The time of the day, to the minute. */
export const minute = (at) => short.format(at * 1000);

/** @param {number} at Day and time, to the second, as in a ticket. */
export const moment = (at) => `${day.format(at * 1000)} ${clock.format(at * 1000)}`;

/** @param {number} at RFC 3339, UTC, for a tooltip and for copying. */
export const iso = (at) => new Date(at * 1000).toISOString().replace(/\.\d+Z$/, "Z");
