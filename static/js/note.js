// A note as it is typed: saved a moment after the last key, one write at a time, each sent again with the same key until the server has answered
// it. So nothing is lost or saved twice, whatever is cut. What is not saved yet lives in this page's memory alone: a note is about a patient's health,
// and what a browser keeps for later stays on a device that others use too. Pure: sending and the clock are handed in.

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** @import {Clock} from "./alarm.js" */

/** What is sent. @typedef {{key: string, base: number, text: string}} Write */

/** What the server has. @typedef {{revision: number, text: string, at: string, signed: boolean}} Kept */

/** What came of a write; `later`: of nobody knows what, or of nothing; `out`: who writes has to sign in first.
 * @typedef {{kind: "saved", revision: number, at: string} | {kind: "changed", note: Kept} | {kind: "later"} | {kind: "out"} | {kind: "refused"}} Answer */

/** `typing`: not sent yet; `waiting`: the server could not be reached and is tried again; `changed`: its author wrote on elsewhere, and both texts wait
 * to be put together; `refused`: can't be saved at all.
 * @typedef {"" | "typing" | "saving" | "saved" | "waiting" | "out" | "changed" | "signed" | "refused"} State */

/** A note is saved so long after the last key (milliseconds)… */
const pause = 500;
/** …but not later than this after the first that is not saved. */
const longest = 3000;

export class Note {
  /** @type {State} */
  state = "";
  /** When it was saved last (RFC 3339); "" for never. */
  savedAt = "";
  /** The other text, while there is one. */
  other = "";

  #outside;
  #alarm;
  #text = "";
  #savedText = "";
  #base = 0;
  #since = 0;
  #tries = 0;
  /** @type {Write | null} sent, and not answered yet */
  #flying = null;
  #calling = false;

  /** @param {Clock & {now: () => number, random: () => number, newID: () => string, save: (write: Write) => Promise<Answer>, changed: () => void}} outside */
  constructor(outside) {
    this.#outside = outside;
    this.#alarm = new Alarm(outside);
  }

  /** What the server has, when the page opens. @param {Kept} kept */
  open({ revision, text, at, signed }) {
    this.#base = revision;
    this.#text = this.#savedText = text;
    this.savedAt = at;
    this.#become(signed ? "signed" : revision > 0 ? "saved" : "");
  }

  get text() {
    return this.#text;
  }

  /** The revision that is known to be saved. */
  get revision() {
    return this.#base;
  }

  /** Whether all that was typed is saved. */
  get safe() {
    return this.#flying === null && this.#text === this.#savedText;
  }

  /** @param {string} text all of it, as it is now */
  type(text) {
    if (this.state === "signed" || text === this.#text) return;
    this.#text = text;
    const now = this.#outside.now();
    if (this.#since === 0) this.#since = now;
    if (this.state === "changed" || this.#flying) return this.#outside.changed();
    this.#become("typing");
    this.#alarm.set(Math.max(0, Math.min(pause, this.#since + longest - now)), () => this.flush());
  }

  /** Saves now, and tries now what waits: the connection may be back, or the page is about to go. */
  flush() {
    if (this.#calling || this.safe || this.state === "changed" || this.state === "refused") return;
    this.#alarm.clear();
    this.#flying ??= { key: this.#outside.newID(), base: this.#base, text: this.#text };
    void this.#send(this.#flying);
  }

  /** Puts both texts together, mine first; its author goes on from there. @returns {string} what there is to read now */
  join() {
    if (this.state !== "changed") return this.#text;
    this.#text = [this.#text, this.other].filter((text) => text.trim() !== "").join("\n\n");
    this.other = "";
    this.#become("typing");
    this.flush();
    return this.#text;
  }

  /** @param {Write} write */
  async #send(write) {
    this.#calling = true;
    if (this.state !== "waiting" && this.state !== "out") this.#become("saving");
    const answer = await this.#outside.save(write);
    this.#calling = false;
    if (answer.kind === "later" || answer.kind === "out") {
      this.#become(answer.kind === "out" ? "out" : "waiting");
      return this.#alarm.set(2 * backoff(this.#tries++, this.#outside.random()), () => this.flush());
    }
    this.#flying = null;
    this.#tries = 0;
    this.#since = 0;
    if (answer.kind === "refused") return this.#become("refused");
    if (answer.kind === "changed") return this.#meet(answer.note);
    this.#base = answer.revision;
    this.#savedText = write.text;
    this.savedAt = answer.at;
    if (this.safe) return this.#become("saved");
    this.#since = this.#outside.now();
    this.#become("typing");
    this.#alarm.set(pause, () => this.flush());
  }

  /** Another device of the author saved something meanwhile. @param {Kept} kept */
  #meet(kept) {
    this.#base = kept.revision;
    this.#savedText = kept.text;
    this.savedAt = kept.at;
    if (kept.signed) return this.#become("refused");
    if (kept.text === this.#text) return this.#become("saved");
    this.other = kept.text;
    this.#become("changed");
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#outside.changed();
  }
}
