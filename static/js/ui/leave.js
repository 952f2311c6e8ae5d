// Leaving. Families leave at once and can come back. A clinician is asked what becomes of the visit: it goes on, a colleague takes over, or it ends.

import { box, button, byId, el } from "./dom.js";

/** @import {Member} from "../protocol.js" */
/** @import {Room} from "../room.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{leave: () => void, lead: (member: string) => void, end: () => void}} Acts */

/**
 * Who could take the visit over.
 * @param {Room} room
 * @returns {Member[]}
 */
export function successors(room) {
  if (!room.may.has("lead") || room.leader !== room.you.id) return [];
  return room.others.filter((each) => each.role === "clinician" && !each.away);
}

export class Leaving {
  #words;
  #acts;
  #room;
  #ways = byId("leave-dialog", HTMLDialogElement);
  #end = byId("end-dialog", HTMLDialogElement);

  /** @param {Words} words @param {() => Room} room @param {Acts} acts */
  constructor(words, room, acts) {
    this.#words = words;
    this.#room = room;
    this.#acts = acts;
    button("leave").addEventListener("click", () => this.#ask());
    button("end").addEventListener("click", () => {
      this.#end.returnValue = "";
      this.#end.showModal();
    });
    this.#end.addEventListener("close", () => this.#end.returnValue === "end" && acts.end());
    this.#ways.addEventListener("close", () => this.#chosen(this.#ways.returnValue));
  }

  /** @param {Room} room */
  show(room) {
    button("end").hidden = !room.may.has("end");
  }

  #ask() {
    const room = this.#room();
    if (!room.may.has("end")) return this.#acts.leave();
    const words = this.#words;
    /** @param {string} value @param {string} text @param {string} [kind] */
    const way = (value, text, kind = "") => el("button", { class: `button ${kind}`, value }, text);
    box("leave-ways").replaceChildren(
      way("leave", words.t("leave.go"), "primary"),
      ...successors(room).map(({ id, name }) => way(`lead ${id}`, words.t("leave.hand_over", { name }))),
      way("end", words.t("visit.end"), "danger"),
      way("", words.t("end.stay"), "quiet"),
    );
    this.#ways.returnValue = "";
    this.#ways.showModal();
  }

  /** @param {string} way */
  #chosen(way) {
    if (way === "end") return this.#acts.end();
    if (way.startsWith("lead ")) this.#acts.lead(way.slice("lead ".length));
    if (way !== "") this.#acts.leave();
  }
}
