// Tries the speaker: plays a short sound and asks whether it was heard, since no browser can tell.

import { chime } from "../chime.js";
import { el, icon, setText } from "./dom.js";
import { Row } from "./row.js";

/** @import {Words} from "../i18n.js" */

/** @typedef {"untried" | "playing" | "asking" | "heard" | "unheard" | "failed"} Step */

export class SpeakerTest {
  /** The chosen speaker, "" for the browser's choice. */
  speaker = "";

  #words;
  #changed;
  /** @type {Step} */
  #step = "untried";
  #play = el("button", { type: "button", class: "button small" });
  #yes = el("button", { type: "button", class: "button small" });
  #no = el("button", { type: "button", class: "button small" });
  #help = el("p", { class: "small", role: "status" });
  #playWord = el("span", {});

  /** @param {Words} words @param {() => void} changed */
  constructor(words, changed) {
    this.#words = words;
    this.#changed = changed;
    this.row = new Row("speaker", words, "check.speaker", true);
    this.#play.append(icon("sound"), this.#playWord);
    this.#play.addEventListener("click", () => void this.#try());
    this.#yes.addEventListener("click", () => this.#answer("heard"));
    this.#no.addEventListener("click", () => this.#answer("unheard"));
    this.row.more.append(el("div", { class: "row" }, this.#yes, this.#no, this.#play), this.#help);
  }

  /** @returns {"ok" | "fault" | "unknown"} */
  get works() {
    return this.#step === "heard" ? "ok" : this.#step === "unheard" ? "fault" : "unknown";
  }

  /** @param {boolean} can whether making a sound is safe in this browser: see canMeasure in meter.js */
  show(can) {
    const words = this.#words;
    const step = this.#step;
    this.row.show(step === "playing" ? "busy" : this.works, words.t(`speaker.${step}`));
    this.row.item.hidden = !can;
    setText(this.#playWord, words.t(step === "untried" ? "speaker.play" : "speaker.again"));
    this.#play.setAttribute("aria-disabled", String(step === "playing"));
    setText(this.#yes, words.t("speaker.yes"));
    setText(this.#no, words.t("speaker.no"));
    this.#yes.hidden = this.#no.hidden = step !== "asking";
    const help = step === "unheard" || step === "failed";
    const where = matchMedia("(pointer: coarse)").matches ? "phone" : "computer";
    setText(this.#help, help ? words.t(`speaker.help.${where}`) : "");
    this.#help.hidden = !help;
  }

  async #try() {
    if (this.#step === "playing") return;
    this.#step = "playing";
    this.#changed();
    this.#step = (await chime(this.speaker)) ? "asking" : "failed";
    this.#changed();
    if (this.#step === "asking" && document.activeElement === this.#play) this.#yes.focus();
  }

  /** @param {Step} step */
  #answer(step) {
    this.#step = step;
    this.#changed();
    this.#play.focus(); // the buttons that had it are gone
  }
}
