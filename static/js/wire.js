// The websocket of a session and those before it. Only the newest speaks. One that is given up is not closed before another has taken its
// place: a close frame tells the server that we are gone for good. Pure: sockets and the clock are handed in.

import { encode } from "./protocol.js";

/** @import {ClientMessage} from "./protocol.js" */

/** The part of a WebSocket used here.
 * @typedef {{send: (frame: string) => void, close: (code?: number) => void, readyState?: number, onopen: ((e: any) => void) | null,
 *   onmessage: ((e: any) => void) | null, onclose: ((e: any) => void) | null}} Socket */

/** How long a socket may take to open, and a message to be answered, when we do not know better (milliseconds). */
const openLimit = 1500;
const answerLimit = 2000;
/** No limit is longer (milliseconds). */
const longestLimit = 6000;
/** A line is given so many times what opening the last socket took. */
const patience = 5;
/** Each so many tries one is given long: the line may have become slow. */
const longEach = 5;

const connecting = 0;

export class Wire {
  #outside;
  /** @type {Socket | null} */
  #socket = null;
  /** Given up, and perhaps still open. @type {Socket[]} */
  #old = [];
  /** How long the last socket took to open (milliseconds). */
  #took = 0;

  /** @param {{openSocket: () => Socket, now: () => number}} outside */
  constructor(outside) {
    this.#outside = outside;
  }

  /** How long this try may take to open. @param {number} attempt 0 for the first */
  openLimit(attempt) {
    if (attempt % longEach === longEach - 1) return longestLimit;
    return Math.min(longestLimit, Math.max(openLimit, patience * this.#took));
  }

  /** How long an answer may take. */
  get answerLimit() {
    return Math.min(longestLimit, Math.max(answerLimit, patience * this.#took));
  }

  /**
   * Opens a socket in place of the one there is.
   * @param {{opened: () => void, received: (frame: string) => void, closed: (code: number) => void}} hear
   */
  open({ opened, received, closed }) {
    this.release();
    const began = this.#outside.now();
    const socket = this.#outside.openSocket();
    this.#socket = socket;
    socket.onopen = () => {
      this.#took = this.#outside.now() - began;
      opened();
    };
    socket.onmessage = (e) => received(e.data);
    socket.onclose = (e) => {
      this.#socket = null;
      closed(e.code);
    };
  }

  /** @param {ClientMessage} message */
  say(message) {
    try {
      this.#socket?.send(encode(message));
    } catch {
      // A socket that is not open: its close event, or a limit, starts the next try.
    }
  }

  /** Listens to the socket no more. */
  release() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Browsers open one socket at a time to a server: one that does not open keeps others from it.
    if (socket.readyState === connecting) socket.close();
    else this.#old.push(socket);
  }

  /** Closes those given up: another has taken their place, also what is carried over them. */
  settle() {
    for (const socket of this.#old.splice(0)) socket.close();
  }

  close() {
    this.release();
    for (const socket of this.#old.splice(0)) socket.close(1000);
  }
}
