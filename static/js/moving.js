// Over to the server that a visit has moved to: the link that plays goes on playing until the new one brings as much, and what is said there is
// kept back so long. Makes before it breaks.

import { Alarm } from "./alarm.js";
import { Move } from "./move.js";

/** @import {Clock} from "./alarm.js" */
/** @import {Link, Linked} from "./connection.js" */
/** @import {ServerMessage} from "./protocol.js" */
/** @import {Seen} from "./move.js" */

/** At the latest so long after joining there, the old link is given up (milliseconds). */
const limit = 3_000;
/** So often we look whether it can be (milliseconds). */
const look = 100;

export class Moving {
  /** The visit has moved, and we have not joined it there yet. */
  due = false;
  #outside;
  #ready;
  #alarm;
  /** What is kept back, and the link that plays meanwhile. @type {{move: Move, old: Linked | null, until: number} | null} */
  #under = null;

  /** @param {Clock & {now: () => number}} outside @param {() => void} ready tells that it is time for arrive() */
  constructor(outside, ready) {
    this.#outside = outside;
    this.#ready = ready;
    this.#alarm = new Alarm(outside);
  }

  /** Whether we have joined there and the old link still plays. */
  get on() {
    return this.#under !== null;
  }

  /** We have joined there. @param {Linked | null} old what plays @param {Seen[]} seen what it brings @param {Link} link the new one */
  begin(old, seen, link) {
    this.#under = { move: new Move(seen, () => link.arriving), old, until: this.#outside.now() + limit };
  }

  /** Keeps back what was said there. @param {ServerMessage} message */
  keep(message) {
    this.#under?.move.take(message);
    this.#look();
  }

  #look() {
    if (!this.#under) return;
    if (this.#under.move.done || this.#outside.now() >= this.#under.until) this.#ready();
    else this.#alarm.set(look, () => this.#look());
  }

  /** Ends it: closes the old link. @returns {ServerMessage[] | null} what was kept back; null: we were not on the way */
  arrive() {
    const under = this.#under;
    this.#under = null;
    this.#alarm.clear();
    under?.old?.link.close();
    return under ? under.move.messages : null;
  }
}
