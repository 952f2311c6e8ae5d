// A visit that moves to another server: what that server says is kept back until its link brings everything the old one brought, so that nobody's
// face goes before it is there again. Pure.

import { Room } from "./room.js";

/** @import {ServerMessage, Source} from "./protocol.js" */
/** @typedef {{member: string, source: Source}} Seen what of whom */

export class Move {
  /** What the new server said so far, joined first. @type {ServerMessage[]} */
  messages = [];
  #room = new Room();
  #seen;
  #arriving;

  /** @param {Seen[]} seen what the old link brings @param {() => Set<string>} arriving the mids on which something has come by the new one */
  constructor(seen, arriving) {
    this.#seen = seen;
    this.#arriving = arriving;
  }

  /** @param {ServerMessage} message */
  take(message) {
    this.messages.push(message);
    this.#room.apply(message);
  }

  /** Whether the new link brings all that the old one brought. Whoever waits, or is alone, has nothing to lose. */
  get done() {
    const arriving = this.#arriving();
    return this.#seen.every(({ member, source }) => {
      const mid = this.#room.slotOf(member, source);
      return mid !== undefined && arriving.has(mid);
    });
  }
}
