// Words on their way: one at a time and in order, sent again with the same id until the server has acknowledged or refused them. So nothing
// is lost, doubled or turned around, whatever is cut. Pure: sending and the clock are handed in.

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** @import {Clock} from "./alarm.js" */

/** `sending`: the server has not answered yet; `waiting`: will be tried again; `refused`: will not, unless its writer wants to.
 * @typedef {{id: string, text: string, member: string, ready: string, private: boolean, state: "sending" | "waiting" | "refused"}} Unsent
 * `member`: to whom, "" for all; `ready`: the name of words of the catalogue, "" for one's own; `private`: written in private time, for nobody else */

/** Words that are neither acknowledged nor refused by then make us doubt the connection (milliseconds). */
const overdueAfter = 5000;

export class Outbox {
  /** What is not acknowledged, in the order it was said. @type {Map<string, Unsent>} */
  words = new Map();

  #outside;
  #alarm;
  #open = false;
  /** The id of what is under way, "" for nothing. */
  #flying = "";
  #tries = 0;

  /** @param {Clock & {random: () => number, send: (words: Unsent) => void, overdue: () => void}} outside */
  constructor(outside) {
    this.#outside = outside;
    this.#alarm = new Alarm(outside);
  }

  /** @param {string} id @param {string} text @param {Partial<Pick<Unsent, "member" | "ready" | "private">>} [more] */
  add(id, text, more = {}) {
    this.words.set(id, { id, text, member: "", ready: "", private: false, ...more, state: "waiting" });
    this.#next();
  }

  /** Words can be sent; what was under way on a lost connection is sent again. */
  open() {
    this.#open = true;
    this.#land();
    this.#tries = 0;
    this.#next();
  }

  shut() {
    this.#open = false;
    this.#land();
  }

  /** The server has them. @param {string} id */
  done(id) {
    this.words.delete(id);
    if (id !== this.#flying) return;
    this.#land();
    this.#tries = 0;
    this.#next();
  }

  /** The server would not have them, or not now. @param {string} id "" for what is under way @param {boolean} later whether they may be tried again */
  refuse(id, later) {
    const words = this.words.get(id || this.#flying);
    if (!words || words.state !== "sending") return;
    this.#land();
    if (later) return this.#alarm.set(2 * backoff(this.#tries++, this.#outside.random()), () => this.#next());
    words.state = "refused";
    this.#next();
  }

  /** Tries refused words again, after all others. @param {string} id @param {boolean} isPrivate whether private time is on now, for its writer to see */
  again(id, isPrivate) {
    const words = this.words.get(id);
    if (words?.state !== "refused") return;
    this.words.delete(id);
    this.add(id, words.text, { ...words, private: isPrivate });
  }

  /** Gives refused words up. @param {string} id */
  drop(id) {
    if (this.words.get(id)?.state === "refused") this.words.delete(id);
  }

  #next() {
    if (!this.#open || this.#flying !== "" || this.#alarm.on) return;
    const words = [...this.words.values()].find((each) => each.state === "waiting");
    if (!words) return;
    words.state = "sending";
    this.#flying = words.id;
    this.#alarm.set(overdueAfter, this.#outside.overdue);
    this.#outside.send(words);
  }

  /** Nothing is under way any more. */
  #land() {
    this.#alarm.clear();
    const words = this.words.get(this.#flying);
    if (words?.state === "sending") words.state = "waiting";
    this.#flying = "";
  }
}
