// The row of controls, always in the same place: arrow keys walk along it as along any toolbar, the Tab key too.

import { box, button } from "./dom.js";

/** A phone's row holds so many; with more there are two. */
const oneRow = 7;

export class Controls {
  /** @param {{audio: () => void}} acts */
  constructor({ audio }) {
    button("audio-only").addEventListener("click", audio);
    box("controls").addEventListener("keydown", (event) => {
      const to = next(event.key, this.#shown, document.activeElement, document.documentElement.dir === "rtl");
      if (!to) return;
      event.preventDefault();
      to.focus();
    });
  }

  /** @param {boolean} audio whether there is sound alone */
  show(audio) {
    button("audio-only").setAttribute("aria-pressed", String(audio));
    const { length } = this.#shown;
    box("controls").classList.toggle("many", length > oneRow);
    box("controls").style.setProperty("--columns", String(Math.ceil(length / 2)));
  }

  /** @returns {HTMLElement[]} */
  get #shown() {
    return [...box("controls").querySelectorAll("button")].filter((each) => each.checkVisibility?.() ?? !each.hidden);
  }
}

/**
 * The control that a key goes to; none where it goes nowhere.
 * @template T
 * @param {string} key
 * @param {T[]} controls
 * @param {unknown} at
 * @param {boolean} turned whether the row runs from right to left
 * @returns {T | undefined}
 */
export function next(key, controls, at, turned) {
  const here = controls.findIndex((each) => each === at);
  const { length } = controls;
  switch (key) {
    case "Home":
      return controls[0];
    case "End":
      return controls[length - 1];
    case turned ? "ArrowLeft" : "ArrowRight":
      return controls[(here + 1) % length];
    case turned ? "ArrowRight" : "ArrowLeft":
      return controls[(here - 1 + length) % length];
  }
  return undefined;
}
