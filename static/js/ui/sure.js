// "Are you sure?", for what cannot be taken back or would hurt if it were a slip.

import { box, button, byId, setText } from "./dom.js";

/** @typedef {{title: string, body: string, yes: string, danger?: boolean}} Question words, not keys */

export class Sure {
  #dialog = byId("sure-dialog", HTMLDialogElement);
  /** @type {() => void} */
  #act = () => undefined;

  constructor() {
    this.#dialog.addEventListener("close", () => this.#dialog.returnValue === "yes" && this.#act());
  }

  /** @param {Question} question @param {() => void} act what to do on yes */
  ask({ title, body, yes, danger = false }, act) {
    setText(box("sure-title"), title);
    setText(box("sure-body"), body);
    setText(button("sure-yes"), yes);
    button("sure-yes").classList.toggle("danger", danger);
    this.#act = act;
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }
}
