/**
 * The one line that tells what is being waited for, and why. Pure.
 * @module
 */

import { number } from "./format.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Task} Task */

/**
 * @param {Task[]} tasks In the order of urgency.
 * @param {Map<string, number>} counts
 * @returns {{kind: string, text: string}} `kind` is a state, for its colour.
 */
export function headline(tasks, counts) {
  const of = (/** @type {string} */ state) => counts.get(state) ?? 0;
  const first = tasks[0];
  if (!first) return { kind: "", text: "" };
  if (of("trouble")) {
    const why = [first.reason, first.message].filter(Boolean).join(": ");
    return { kind: "trouble", text: words.line.trouble(first.name, why) };
  }
  if (of("catching_up")) {
    const count = number(of("catching_up"));
    const behind = tasks.find((task) => task.state === "catching_up");
    const text =
      behind && behind.lag !== null
        ? words.line.catchingUp(count, behind.name, number(behind.lag))
        : words.line.catchingUpUnknown(count);
    return { kind: "catching_up", text };
  }
  if (of("delayed")) {
    const why = tasks.find((task) => task.state === "delayed")?.reason ?? "";
    return { kind: "delayed", text: words.line.delayed(number(of("delayed")), why) };
  }
  if (of("stopping")) return { kind: "stopping", text: words.line.stopping(number(of("stopping"))) };
  const holding = of("holding");
  const caughtUp = of("caught_up");
  const held = tasks.filter((task) => task.state === "caught_up" && task.reason === "Holding").length;
  if (caughtUp > held) return { kind: "caught_up", text: words.line.caughtUp(number(caughtUp - held)) };
  if (holding + held) return { kind: "holding", text: words.line.holding(number(holding + held)) };
  if (of("pending")) return { kind: "pending", text: words.line.pending(number(of("pending"))) };
  if (of("stopped")) return { kind: "stopped", text: words.line.done };
  return { kind: "observed", text: words.line.observed };
}
