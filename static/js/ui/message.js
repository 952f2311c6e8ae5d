// The screens that only say something, with at most two things to do: too early, over, revoked, left and their kin.

import { box, el } from "./dom.js";

/** @import {Values, Words} from "../i18n.js" */
/** @import {Screens} from "./screens.js" */

/** @typedef {{words: string, primary?: boolean, act: () => void}} Action `words` is a key */

export class Message {
  #words;
  #screens;

  /** @param {Words} words @param {Screens} screens */
  constructor(words, screens) {
    this.#words = words;
    this.#screens = screens;
  }

  /**
   * @param {string} state its texts are message.STATE.title, .body and, where there is one, .more
   * @param {Values} values
   * @param {Action[]} actions
   */
  show(state, values = {}, actions = []) {
    const words = this.#words;
    box("message-title").textContent = words.t(`message.${state}.title`, values);
    const texts = ["body", "more"].map((part) => `message.${state}.${part}`).filter((key) => words.has(key));
    box("message-body").replaceChildren(...texts.map((key) => el("p", {}, words.t(key, values))));
    box("message-clock").hidden = true;
    box("message-actions").replaceChildren(
      ...actions.map(({ words: key, primary, act }) => {
        const made = el("button", { type: "button", class: primary ? "button primary" : "button" }, words.t(key));
        made.addEventListener("click", act);
        return made;
      }),
    );
    this.#screens.show("message", state);
  }

  /** The line that counts down. @param {string} text */
  clock(text) {
    box("message-clock").textContent = text;
    box("message-clock").hidden = false;
  }
}
