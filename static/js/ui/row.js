// One line of the list of what works: a sign, a name, a word, and room for more below.

import { el, icon, setText } from "./dom.js";

/** @import {Words} from "../i18n.js" */

/** The sign of each state. @type {Record<string, string>} */
const signs = { ok: "done", poor: "warn", fault: "warn", blocked: "warn", busy: "dots", unknown: "ring" };

export class Row {
  #words;
  #key;
  #sign = el("span", { class: "works-sign" });
  #name = el("strong", {});
  #word = el("span", { class: "works-word" });
  #state = "";
  more = el("div", { class: "works-more" });

  /** @param {string} kind for style sheets and tests @param {Words} words @param {string} key of its name @param {boolean} [aloud] */
  constructor(kind, words, key, aloud = false) {
    this.#words = words;
    this.#key = key;
    const line = el("div", { class: "works-line" }, this.#name, " ", this.#word);
    if (aloud) {
      line.setAttribute("role", "status");
      line.setAttribute("aria-atomic", "true"); // of what, and how it does
    }
    this.item = el("li", { "data-kind": kind, tabindex: "-1" }, this.#sign, line, this.more);
  }

  /** @param {string} state ok, poor, fault, blocked, busy or unknown @param {string} word */
  show(state, word) {
    setText(this.#name, this.#words.t(this.#key));
    setText(this.#word, word);
    if (state === this.#state) return;
    this.#state = state;
    this.item.dataset.works = state;
    this.#sign.replaceChildren(icon(signs[state] ?? "ring"));
  }
}
