/**
 * Hold and Go, after a confirmation that names the wave and what is in it.
 * @module
 */

import { el, find } from "./dom.js";
import { number } from "./format.js";
import { keyOf } from "./model.js";
import { words } from "./words.js";

/** @typedef {import("./types.js").Wave} Wave */

const said = words.confirm;

/**
 * The requested change, with the state that was on the screen.
 * @typedef {{namespace: string, name: string, uid: string, state: string, was: string}} Wanted
 */

/**
 * Why a change was refused, and the lines to put into git.
 * @typedef {{why: string, git: string}} Refusal
 */

export class Confirm {
  /**
   * @param {(wave: Wave) => Promise<Refusal | null>} may Null if it may be changed.
   * @param {(wanted: Wanted) => Promise<Refusal | null>} change Null if it was changed.
   */
  constructor(may, change) {
    this.may = may;
    this.change = change;
    this.dialog = find("confirm", HTMLDialogElement);
  }

  /**
   * @param {Wave} wave The wave as shown on the screen.
   * @param {Map<string, number>} counts The counts of its tasks, by state.
   * @param {string[]} states The states, in order.
   */
  async ask(wave, counts, states) {
    const state = wave.state === "Go" ? "Hold" : "Go";
    const said_ = el("p", { class: "confirm-said", "aria-live": "polite" }, [said.asking]);
    const cancel = el("button", { type: "button", class: "button" }, [said.cancel]);
    const yes = el("button", { type: "button", class: `button button-${state.toLowerCase()}`, disabled: true }, [state === "Go" ? words.go : words.hold]);
    const rows = states
      .filter((one) => counts.get(one))
      .map((one) => el("li", { class: `s-${one}` }, [el("i", { class: "dot", "aria-hidden": "true" }), el("b", {}, [number(counts.get(one) ?? 0)]), words.states[one]]));
    this.dialog.replaceChildren(
      el("h2", { id: "confirm-title" }, [said.title(keyOf(wave), state)]),
      el("p", {}, [state === "Go" ? said.go : said.hold]),
      ...(state === "Go" ? [el("p", { class: "confirm-warning" }, [said.goWarning])] : []),
      ...(rows.length ? [el("p", {}, [said.counts]), el("ul", { class: "confirm-counts" }, rows)] : [el("p", {}, [said.noTasks])]),
      said_,
      el("div", { class: "confirm-buttons" }, [cancel, yes]),
    );
    cancel.addEventListener("click", () => this.dialog.close());
    this.dialog.showModal();
    cancel.focus();
    const refused = await attempt(() => this.may(wave));
    if (refused) {
      tell(said_, refused);
      return;
    }
    said_.textContent = said.may;
    yes.disabled = false;
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      said_.textContent = said.setting;
      const { ns: namespace, name, uid } = wave;
      const why = await attempt(() => this.change({ namespace, name, uid, state, was: wave.state }));
      if (why) tell(said_, why);
      else this.dialog.close();
    });
  }
}

/**
 * @param {() => Promise<Refusal | null>} what
 * @returns {Promise<Refusal | null>}
 */
async function attempt(what) {
  try {
    return await what();
  } catch {
    return { why: said.failed, git: "" };
  }
}

/** @param {HTMLElement} where @param {Refusal} refused */
function tell(where, refused) {
  where.classList.add("is-refused");
  where.replaceChildren(refused.why);
  if (refused.git) where.append(el("span", {}, [` ${said.forGit}`]), el("pre", {}, [refused.git]));
}
