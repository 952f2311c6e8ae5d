// Which screen is seen. One at a time; a new one takes the focus to its heading, so that it is read out and the Tab key starts there.

import { box } from "./dom.js";

/** @import {Words} from "../i18n.js" */

export class Screens {
  #words;
  #site = "";
  #shown = "opening";

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
  }

  /** @param {string} site the hospital's name, for the masthead and the title */
  set site(site) {
    this.#site = site;
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
    const heading = document.querySelector(`[data-screen="${name}"] h1`);
    if (!(heading instanceof HTMLElement)) return;
    const what = heading.textContent ?? "";
    document.title = this.#site ? this.#words.t("title.state", { what, site: this.#site }) : what;
    if (again && name !== "message") return;
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
}

/** Fills every element that names a text of the catalogue. @param {Words} words */
export function fillWords(words) {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = words.t(element.getAttribute("data-t") ?? "");
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", words.t(element.getAttribute("data-t-label") ?? ""));
  }
}
