// A message to somebody who waits, or to all of them: a few that are ready, and one's own words; and what became of those already sent.

import { box, byId, el, keyed, setText } from "./dom.js";
import { longestNote } from "../protocol.js";

/** @import {Member} from "../protocol.js" */
/** @import {Live} from "./live.js" */
/** @import {Words} from "../i18n.js" */

/** `state`: "" once the server has it.
 * @typedef {{id: string, member: string, text: string, at: number, state: "" | "sending" | "waiting" | "refused"}} Sent */
/** @typedef {{tell: (member: string, text: string, ready: string) => string, stateOf: (id: string) => Sent["state"], changed: () => void}} Acts */

/** Words that are ready in every language: who waits reads them in their own. */
const ready = ["soon", "late", "sound"];

/**
 * What somebody who waits reads of a note.
 * @param {Words} words @param {{text: string, ready: string}} note
 */
export function noteWords(words, note) {
  return ready.includes(note.ready) ? words.t(`tell.${note.ready}`) : note.text;
}

export class Tell {
  #words;
  #acts;
  #dialog = byId("tell-dialog", HTMLDialogElement);
  #text = byId("tell-text", HTMLTextAreaElement);
  /** To whom, null: to all. @type {Member | null} */
  #to = null;
  /** @type {Sent[]} */
  #sent = [];

  /** @param {Words} words @param {Live} live @param {Acts} acts */
  constructor(words, live, acts) {
    this.#words = words;
    this.#acts = acts;
    box("tell-ready").append(
      ...ready.map((name) => {
        const key = `tell.${name}`;
        const made = el("button", { type: "button", class: "button", "data-t": key }, words.t(key));
        made.addEventListener("click", () => this.#send(words.t(key), name));
        return made;
      }),
    );
    byId("tell-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (text === "") return this.#text.focus();
      if ([...text].length > longestNote) return live.toast(words.t("chat.too_long", { count: [...text].length - longestNote }));
      this.#text.value = "";
      this.#text.focus();
      this.#send(text);
    });
    this.#dialog.querySelector(".close")?.addEventListener("click", () => this.#dialog.close());
  }

  /** @param {Member | null} member null: to all who wait */
  open(member) {
    this.#to = member;
    this.show();
    this.#dialog.showModal();
    box("tell-ready").querySelector("button")?.focus();
  }

  /** What became of what was sent. */
  show() {
    for (const each of this.#sent) {
      const before = each.state;
      if (before === "") continue;
      each.state = this.#acts.stateOf(each.id);
      if (each.state === "") each.at = Date.now();
    }
    const words = this.#words;
    setText(box("tell-title"), this.#to ? words.t("tell.to", { name: this.#to.name }) : words.t("tell.all"));
    const mine = this.#sent.filter((each) => each.member === (this.#to?.id ?? ""));
    keyed(box("tell-sent"), mine, (each) => each.id, () => el("li", {}), (li, each) => setText(li, this.#say(each)));
  }

  /** What was told to somebody last. @param {string} member @returns {string} "" for nothing */
  last(member) {
    const last = this.#sent.filter((each) => each.member === member || each.member === "").pop();
    return last ? this.#say(last) : "";
  }

  clear() {
    this.#sent = [];
    this.#to = null;
    this.#text.value = "";
    box("tell-sent").replaceChildren();
  }

  /** @param {string} text @param {string} name of ready words, "" for one's own */
  #send(text, name = "") {
    const member = this.#to?.id ?? "";
    const id = this.#acts.tell(member, text, name);
    this.#sent.push({ id, member, text, at: 0, state: "sending" });
    this.#acts.changed();
  }

  /** @param {Sent} sent */
  #say({ state, at, text }) {
    const words = this.#words;
    if (state === "refused") return words.t("tell.refused", { text });
    return state === "" ? words.t("tell.sent", { time: words.time(at), text }) : words.t("tell.sending", { text });
  }
}
