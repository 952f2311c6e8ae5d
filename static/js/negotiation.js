// Offers of one media link: one at a time; what is wanted meanwhile goes into the next. Pure: the link and the way to the server are handed in.

/** @import {Sources} from "./protocol.js" */

/** @typedef {{audio: number, video: number}} Counts receive-only lines, of each kind */
/** @typedef {{offer: string, sources: Sources}} Offered */
/** @typedef {{offer: (slots: Counts, restart: boolean) => Promise<Offered>, accept: (answer: string) => Promise<void>}} Negotiated */

export class Negotiation {
  #link;
  #say;
  #failed;
  /** An offer is being made, or waits for its answer. */
  #busy = false;
  /** Another one is wanted after that. */
  #wanted = false;
  #restart = false;
  /** The offer under way has the link find new ways through the network. */
  #restarting = false;
  /** @type {Promise<unknown>} */
  #making = Promise.resolve();
  /** Counts offers; one that another has replaced is not sent. */
  #turn = 0;
  /** @type {Counts} */
  #slots = { audio: 0, video: 0 };

  /** @param {Negotiated} link @param {(offered: Offered) => void} say @param {() => void} failed the link is no good */
  constructor(link, say, failed) {
    this.#link = link;
    this.#say = say;
    this.#failed = failed;
  }

  /** The offer that joins. @param {Counts} slots */
  first(slots) {
    this.#busy = true;
    this.#slots = slots;
    return this.#link.offer(slots, false);
  }

  /** Offers again: for what the link has now. @param {{slots?: Counts, restart?: boolean}} [wants] restart: new ways through the network */
  again({ slots, restart = false } = {}) {
    if (slots) this.#slots = slots;
    this.#restart ||= restart;
    this.#wanted = true;
    void this.#next();
  }

  /** @param {string} answer */
  async answered(answer) {
    if (!this.#busy) return; // to an offer that another has replaced
    try {
      await this.#link.accept(answer);
    } catch {
      return this.#failed();
    }
    this.#busy = this.#restarting = false;
    await this.#next();
  }

  /** The way to the server was cut: an offer that was under way brings no answer any more, and is made anew. @param {boolean} restart */
  renew(restart) {
    this.#wanted ||= this.#busy || restart;
    this.#restart ||= this.#restarting || restart;
    this.#busy = false;
    this.#turn++;
    void this.#next();
  }

  async #next() {
    if (this.#busy || !this.#wanted) return;
    const turn = ++this.#turn;
    this.#restarting = this.#restart;
    this.#busy = true;
    this.#wanted = this.#restart = false;
    try {
      // An offer that nobody wants any more may still be in the making; two at once would mix up the link.
      await this.#making;
      if (turn !== this.#turn) return;
      const making = this.#link.offer(this.#slots, this.#restarting);
      this.#making = making.catch(() => undefined);
      const offered = await making;
      if (turn === this.#turn) this.#say(offered);
    } catch {
      this.#failed();
    }
  }
}
