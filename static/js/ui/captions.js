// A place above the controls for words to be read instead of heard. It takes its room from the stage, so that it hides nobody's face. So far it
// shows what is written in the chat.

import { box, el, keyed, setText } from "./dom.js";

/** @import {Line} from "../protocol.js" */
/** @import {Words} from "../i18n.js" */

/** How many lines are seen at once. */
const shown = 2;

export class Captions {
  #words;

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
  }

  /** @param {boolean} on @param {Line[]} chat @param {string} me */
  show(on, chat, me) {
    const place = box("captions");
    place.hidden = !on;
    if (!on) return place.replaceChildren();
    const words = this.#words;
    const lines = chat.slice(-shown).map(({ id, from, text }) => ({ key: `${from.id} ${id}`, name: from.id === me ? words.t("chat.you") : from.name, text }));
    if (lines.length === 0) lines.push({ key: "", name: "", text: words.t("captions.empty") });
    keyed(
      place,
      lines,
      (line) => line.key,
      () => el("p", {}, el("strong", {}), " ", el("span", {})),
      (p, line) => {
        setText(/** @type {Element} */ (p.firstElementChild), line.name);
        setText(/** @type {Element} */ (p.lastElementChild), line.text);
      },
    );
  }
}
