// The line above the pictures that says one thing that matters now, with at most one thing to do about it: a weak line and whose it is, time alone
// for a teenager, a screen that is being shared. Which of them, and in what order, is decided by notices(), which is pure.

import { box, button, el, setText } from "./dom.js";

/** @import {Member} from "../protocol.js" */
/** @import {Live} from "./live.js" */
/** @import {Values, Words} from "../i18n.js" */

/** `act`: what its button does, "" for no button; `stays`: it cannot be closed, only ended.
 * @typedef {{id: string, key: string, values?: Values, act: "" | "audio" | "video" | "private", stays?: boolean}} Notice */

/** Closed, a notice stays away for so long (milliseconds): a line that comes and goes must not nag. */
export const quietFor = 180_000;

/** A picture that halts for less is not worth a word (milliseconds). */
const lastsFrom = 5000;

/** What lasts: a line falters for a moment now and then, and nobody can do anything about that. */
export class Lasting {
  /** @type {Map<string, number>} */
  #since = new Map();

  /** @param {string[]} ids what is so now @param {number} now milliseconds @returns {string[]} what has been so for a while */
  take(ids, now) {
    this.#since = new Map(ids.map((id) => [id, this.#since.get(id) ?? now]));
    return ids.filter((id) => now - /** @type {number} */ (this.#since.get(id)) >= lastsFrom);
  }
}

/**
 * What there is to say, the most important first.
 * @param {{hopeless: boolean, audio: boolean, sharing: boolean, others: Member[], weak: string[], reminder: {name: string, age: number} | null}} now
 *   `hopeless`: my line can't carry video; `weak`: whose line can't
 * @returns {Notice[]}
 */
export function notices({ hopeless, audio, sharing, others, weak, reminder }) {
  /** @type {Notice[]} */
  const list = [];
  if (hopeless && !audio) list.push({ id: "line", key: "notice.line_mine", act: "audio" });
  if (reminder) list.push({ id: "reminder", key: "private.remind", values: reminder, act: "private" });
  if (sharing) list.push({ id: "sharing", key: "notice.sharing", act: "", stays: true });
  for (const { id, name, away } of others) {
    if (!away && weak.includes(id)) list.push({ id: `line ${id}`, key: "notice.line_theirs", values: { name }, act: "" });
  }
  if (audio) list.push({ id: "audio", key: "notice.audio", act: "video" });
  return list;
}

/** The words on the button of each act. */
const names = { audio: "notice.go_audio", video: "notice.go_video", private: "private.start" };

export class Notices {
  #words;
  #live;
  #act;
  #closed;
  /** Until when what was closed stays away, by id. @type {Map<string, number>} */
  #quiet = new Map();
  #shown = "";

  /**
   * @param {Words} words
   * @param {Live} live
   * @param {(act: "audio" | "video" | "private") => void} act
   * @param {(id: string) => void} closed
   */
  constructor(words, live, act, closed) {
    this.#words = words;
    this.#live = live;
    this.#act = act;
    this.#closed = closed;
    button("notice-close").addEventListener("click", () => this.#close());
    box("notice").addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  /** @param {Notice[]} list @param {number} now milliseconds */
  show(list, now) {
    const notice = list.find((each) => each.stays || (this.#quiet.get(each.id) ?? 0) < now);
    const place = box("notice");
    if (!notice) {
      if (place.contains(document.activeElement)) button("open-people").focus();
      place.hidden = true;
      this.#shown = "";
      return;
    }
    const text = this.#words.t(notice.key, notice.values);
    setText(box("notice-words"), text);
    button("notice-close").hidden = notice.stays ?? false;
    const { act } = notice;
    const has = box("notice-actions").firstElementChild;
    if (!act) has?.remove();
    else if (has?.getAttribute("data-t") !== names[act]) {
      const made = el("button", { type: "button", class: "button small primary", "data-t": names[act] }, this.#words.t(names[act]));
      made.addEventListener("click", () => {
        this.#close();
        this.#act(act);
      });
      box("notice-actions").replaceChildren(made);
    }
    place.hidden = false;
    if (this.#shown !== notice.id) this.#live.polite(text);
    this.#shown = notice.id;
  }

  #close() {
    if (!this.#shown || button("notice-close").hidden) return;
    this.#quiet.set(this.#shown, Date.now() + quietFor);
    // The button that had the focus goes; what is left of the bar is nothing.
    button("open-people").focus();
    this.#closed(this.#shown);
  }
}
