// The screens that only say something, with at most two things to do: too early, over, revoked, left and their kin.

import { box, el, icon, setText } from "./dom.js";
import { phoneLine } from "./phone.js";

/** @import {Values, Words} from "../i18n.js" */
/** @import {Screens} from "./screens.js" */

/** @typedef {{words: string, primary?: boolean, act: () => void}} Action `words` is a key */

/** The sign above the words; a state that is not here has the house's own. @type {Record<string, string>} */
const signs = {
  "too-early": "clock",
  busy: "clock",
  crowded: "clock",
  left: "leave",
  ended: "done",
  replaced: "devices",
  away: "offline",
  broken: "offline",
  locked: "lock",
  insecure: "lock",
  "not-agreed": "phone",
  declined: "people",
};

/** Nobody at the hospital's telephone knows more about these, for somebody who works there. */
const atWork = new Set(["left", "ended", "replaced", "declined"]);

export class Message {
  #phone = "";
  #words;
  #screens;
  #shown = "";
  #note = "";
  #late = 0;
  /** @type {{state: string, values: Values | (() => Values), actions: Action[], variant: string} | null} */
  #said = null;

  /** @param {Words} words @param {Screens} screens */
  constructor(words, screens) {
    this.#words = words;
    this.#screens = screens;
    words.follow(() => {
      this.#fill();
      if (this.#note) this.note(this.#note);
      this.late(this.#late);
    });
  }

  /** The site's number of last resort, "" while none is known. */
  get phone() {
    return this.#phone;
  }

  set phone(phone) {
    if (phone === this.#phone) return;
    this.#phone = phone;
    this.#fill();
  }

  /**
   * @param {string} state its texts are message.STATE.title, .body and, where there are such, .more and what happens next: .next1 to .next3
   * @param {Values | (() => Values)} values a function where they are words themselves
   * @param {Action[]} actions
   * @param {string} variant whose own texts, message.STATE.VARIANT.…, come before those
   */
  show(state, values = {}, actions = [], variant = "") {
    const shown = JSON.stringify([state, typeof values === "function" ? values() : values, variant, this.phone]);
    // The same again would take the focus from the buttons.
    if (shown === this.#shown && document.body.dataset.state === state) return;
    this.#shown = shown;
    this.#said = { state, values, actions, variant };
    this.#fill();
    box("message-clock").hidden = true;
    this.note("");
    this.late(0);
    this.#screens.show("message", state);
  }

  #fill() {
    if (!this.#said) return;
    const words = this.#words;
    const { state, actions, variant } = this.#said;
    const values = typeof this.#said.values === "function" ? this.#said.values() : this.#said.values;
    box("message-sign").replaceChildren(icon(signs[state] ?? "link"));
    box("message-title").textContent = this.#texts(state, variant, ["title"], values)[0];
    const next = this.#texts(state, variant, ["next1", "next2", "next3"], values).map((each) => el("li", {}, each));
    const texts = this.#texts(state, variant, ["body", "more"], values);
    box("message-body").replaceChildren(...texts.map((each) => el("p", {}, each)));
    if (next.length > 0) box("message-body").append(el("h2", {}, words.t("message.next")), el("ul", { class: "next" }, ...next));
    box("message-actions").replaceChildren(
      ...actions.map(({ words: name, primary, act }) => {
        const made = el("button", { type: "button", class: primary ? "button primary" : "button" }, words.t(name));
        made.addEventListener("click", act);
        return made;
      }),
    );
    box("message-phone").replaceChildren(...(variant === "clinician" && atWork.has(state) ? [] : phoneLine(words, this.phone)));
  }

  /**
   * The texts that a state has for some of its parts; a variant that has the first of them has its own of all.
   * @param {string} state
   * @param {string} variant
   * @param {string[]} parts
   * @param {Values} values
   */
  #texts(state, variant, parts, values) {
    const own = `message.${state}.${variant}`;
    const start = this.#words.has(`${own}.${parts[0]}`) ? own : `message.${state}`;
    const keys = parts.map((part) => `${start}.${part}`).filter((key) => this.#words.has(key));
    return keys.map((key) => this.#words.t(key, values));
  }

  /** Something that has just come about, read out politely. @param {string} key of the catalogue, "" for nothing */
  note(key) {
    this.#note = key;
    box("message-said").hidden = key === "";
    setText(box("message-said"), key && this.#words.t(key));
  }

  /** That the visit begins later than planned. @param {number} minutes 0: it does not */
  late(minutes) {
    this.#late = minutes;
    box("message-late").hidden = minutes === 0;
    setText(box("message-late"), minutes > 0 ? this.#words.n("late.running", minutes) : "");
  }

  /** The line that counts down. @param {string} text */
  clock(text) {
    box("message-clock").textContent = text;
    box("message-clock").hidden = false;
  }
}
