// The panels, chat, people and the note: one at a time, each opened and closed by its own control, with the focus going in and coming back.

import { box, button } from "./dom.js";

/** @import {Live} from "./live.js" */

const panels = ["chat", "people", "note"];

export class Panels {
  #live;
  #changed;
  #focusChat;
  #focusNote;

  /** @param {Live} live @param {() => void} changed @param {{chat: () => void, note: () => void}} focus */
  constructor(live, changed, focus) {
    this.#live = live;
    this.#changed = changed;
    this.#focusChat = focus.chat;
    this.#focusNote = focus.note;
    for (const panel of panels) {
      button(`open-${panel}`).addEventListener("click", () => this.#open(box(panel).hidden ? panel : ""));
      box(panel).querySelector(".close")?.addEventListener("click", () => this.#close(panel));
      box(panel).addEventListener("keydown", (event) => event.key === "Escape" && this.#close(panel));
    }
  }

  /** Shows one panel and not the others; "" shows none. @param {string} name */
  set(name) {
    for (const panel of panels) {
      box(panel).hidden = panel !== name;
      button(`open-${panel}`).setAttribute("aria-expanded", String(panel === name));
    }
    box("call").classList.toggle("with-panel", name !== "");
  }

  /** @param {string} name */
  #open(name) {
    this.set(name);
    if (name !== "") this.#live.quiet();
    this.#changed();
    if (name === "chat") this.#focusChat();
    if (name === "note") this.#focusNote();
    if (name === "people") box("people-title").focus();
  }

  /** @param {string} panel */
  #close(panel) {
    this.#open("");
    button(`open-${panel}`).focus();
  }
}
