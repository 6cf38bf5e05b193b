/**
 * The keyboard.
 * @module
 */

import { el, find } from "./dom.js";
import { words } from "./words.js";

/**
 * The actions of the keys.
 * @typedef {object} Deeds
 * @property {() => void} search
 * @property {() => void} escape
 * @property {(by: number | "page" | "-page") => void} move
 * @property {() => void} open
 * @property {(index: number) => void} state By its index, from 0.
 * @property {() => void} clear
 * @property {() => boolean} play False if there is nothing to play.
 */

/** Show which keys there are. */
export function help() {
  const dialog = find("help", HTMLDialogElement);
  const close = el("button", { type: "button", class: "button" }, [words.help.close]);
  close.addEventListener("click", () => dialog.close());
  const rows = words.help.keys.flatMap(([key, does]) => [el("dt", {}, [el("kbd", {}, [key])]), el("dd", {}, [does])]);
  dialog.replaceChildren(el("h2", {}, [words.help.title]), el("dl", { class: "keys" }, rows), close);
  dialog.showModal();
}

/** @param {Deeds} deeds */
export function listen(deeds) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") {
      deeds.escape();
      return;
    }
    if (target.matches("input[type=search]")) {
      // From the search down into the table.
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    } else if (target.matches("input, select, textarea")) {
      return;
    }
    const onButton = target.matches("button, summary, a");
    if (act(event.key, deeds, onButton)) event.preventDefault();
  });
}

/**
 * @param {string} key
 * @param {Deeds} deeds
 * @param {boolean} onButton Whether Enter and Space belong to a button.
 * @returns {boolean} Whether the key was handled.
 */
function act(key, deeds, onButton) {
  switch (key) {
    case "/":
      deeds.search();
      return true;
    case "ArrowDown":
    case "j":
      deeds.move(1);
      return true;
    case "ArrowUp":
    case "k":
      deeds.move(-1);
      return true;
    case "PageDown":
      deeds.move("page");
      return true;
    case "PageUp":
      deeds.move("-page");
      return true;
    case "Home":
      deeds.move(-Infinity);
      return true;
    case "End":
      deeds.move(Infinity);
      return true;
    case "Enter":
      if (onButton) return false;
      deeds.open();
      return true;
    case " ":
      return !onButton && deeds.play();
    case "?":
      help();
      return true;
    case "0":
      deeds.clear();
      return true;
    default:
      if (!/^[1-9]$/.test(key)) return false;
      deeds.state(Number(key) - 1);
      return true;
  }
}
