// Which screen is seen. One at a time; a new one takes the focus to its heading, so that it is read out and the Tab key starts there.

import { box, setText } from "./dom.js";

/** @import {Words} from "../i18n.js" */

export class Screens {
  #words;
  #site = "";
  #shown = "opening";

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
    // When everybody has said their words anew; a visit names its page itself.
    words.follow(() => queueMicrotask(() => this.#shown !== "visit" && this.title()));
  }

  /** @param {string} site the hospital's name, for the masthead and the title */
  set site(site) {
    this.#site = site;
    box("site").removeAttribute("data-t");
    box("site").textContent = site;
  }

  /**
   * @param {string} name of the section: opening, birth, message, check, waiting or visit
   * @param {string} [state] what tests and style sheets see; the section's name where left out
   */
  show(name, state = name) {
    document.body.dataset.state = state;
    const again = this.#shown === name;
    this.#shown = name;
    for (const section of document.querySelectorAll("[data-screen]")) {
      if (section instanceof HTMLElement) section.hidden = section.dataset.screen !== name;
    }
    const call = name === "visit";
    box("page").hidden = box("masthead").hidden = call;
    document.body.classList.toggle("in-call", call);
    const heading = this.title();
    if (!heading) return;
    if (again && name !== "message") return;
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }

  /** Names the page by the heading of the screen that is seen. @returns {HTMLElement | null} the heading */
  title() {
    const heading = document.querySelector(`[data-screen="${this.#shown}"] h1`);
    if (!(heading instanceof HTMLElement)) return null;
    const what = heading.textContent ?? "";
    document.title = this.#site ? this.#words.t("title.state", { what, site: this.#site }) : what;
    return heading;
  }
}

/**
 * Fills every element that names a text of the catalogue, also those made by script that say the same all the time. What changes with the
 * state is said anew by who shows it: whoever holds such words follows them (Words.follow).
 * @param {Words} words
 */
export function fillWords(words) {
  for (const element of document.querySelectorAll("[data-t]")) {
    const key = element.getAttribute("data-t") ?? "";
    if (words.has(key)) setText(element, words.t(key));
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    const key = element.getAttribute("data-t-label") ?? "";
    if (words.has(key)) element.setAttribute("aria-label", words.t(key));
  }
}
