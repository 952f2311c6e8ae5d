// Files on their way to the server, one after the other. What was cut goes on by itself where it was; only what the server will not have ends. Pure: what moves
// the bytes (tus-js-client), and the clock, are handed in.

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** @import {Clock} from "./alarm.js" */

/** What moves one file. `start` goes on where it was. @typedef {{start: () => void, stop: () => void}} Transfer */

/** What is heard of it; `failed`: the status of the server's answer, 0 for none, and its code, "" for none.
 * @typedef {{made: (id: string) => void, progress: (sent: number) => void, done: () => void, failed: (status: number, code: string) => void}} Heard */

/** `waiting`: the server can't be reached, and is tried again, as it is where it can't take the file just now (`away`); `out`: who sends has to sign in first; `sent`: all of it is
 * there. @typedef {"queued" | "sending" | "waiting" | "away" | "out" | "sent" | "refused"} Stage */

/** Why it will not be sent. @typedef {"" | "empty" | "large" | "type" | "full" | "gone"} Why */

/** What files have of a browser's File. @typedef {{name: string, size: number, type: string}} Chosen */

/** @typedef {{file: Chosen, stage: Stage, why: Why, id: string, sent: number, tries: number, trying: boolean, transfer: Transfer | null}} Sending */

/** What the server takes. @typedef {{most: number, types: string[]}} Terms */

/** Why a file will not be sent, as far as that can be told before. A browser that does not know what a file is leaves that to the server. @param {Chosen} file @param {Terms} terms @returns {Why} */
function unfit(file, { most, types }) {
  if (file.size === 0) return "empty";
  if (file.size > most) return "large";
  return file.type === "" || types.includes(file.type) ? "" : "type";
}

/** What says nothing for so long is taken for cut (milliseconds): a network that is gone does not always say so. */
const silence = 30_000;

export class Sender {
  #outside;
  #terms;
  #alarm;
  #watch;
  /** @type {Sending[]} those that are not there yet, in their order */
  #queue = [];

  /** @param {Clock & {random: () => number, transfer: (file: Chosen, heard: Heard) => Transfer, changed: (sending: Sending) => void}} outside @param {Terms} terms */
  constructor(outside, terms) {
    this.#outside = outside;
    this.#terms = terms;
    this.#alarm = new Alarm(outside);
    this.#watch = new Alarm(outside);
  }

  /** Whether something is on its way. */
  get busy() {
    return this.#queue.length > 0;
  }

  /** @param {Chosen} file */
  add(file) {
    const why = unfit(file, this.#terms);
    /** @type {Sending} */
    const sending = { file, stage: why === "" ? "queued" : "refused", why, id: "", sent: 0, tries: 0, trying: false, transfer: null };
    if (why === "") this.#queue.push(sending);
    return sending;
  }

  /** Goes on: something was added, or the connection may be back. */
  go() {
    const [first] = this.#queue;
    if (!first || first.trying) return;
    this.#alarm.clear();
    first.trying = true;
    first.transfer ??= this.#outside.transfer(first.file, this.#heard(first));
    if (first.stage === "queued") this.#become(first, "sending"); // one that was cut is not on its way before the server answers
    this.#heed(first);
    first.transfer.start();
  }

  /** @param {Sending} sending that was heard of just now */
  #heed(sending) {
    this.#watch.set(silence, () => {
      sending.transfer?.stop();
      this.#failed(sending, 0, "");
    });
  }

  /** Sends no more of a file. @param {Sending} sending */
  stop(sending) {
    const first = sending === this.#queue[0];
    this.#queue = this.#queue.filter((each) => each !== sending);
    sending.transfer?.stop();
    sending.transfer = null;
    sending.trying = false;
    if (first) {
      this.#alarm.clear();
      this.#watch.clear();
      this.go();
    }
  }

  /** @param {Sending} sending @returns {Heard} */
  #heard(sending) {
    return {
      made: (id) => {
        if (!sending.trying) return;
        sending.id = id;
        this.#heed(sending);
        this.#outside.changed(sending);
      },
      progress: (sent) => {
        if (!sending.trying) return;
        if (sent > sending.sent) sending.tries = 0;
        sending.sent = sent;
        this.#heed(sending);
        this.#become(sending, "sending");
      },
      done: () => this.#end(sending, "sent", ""),
      failed: (status, code) => this.#failed(sending, status, code),
    };
  }

  /** @param {Sending} sending @param {number} status @param {string} code */
  #failed(sending, status, code) {
    if (!this.#queue.includes(sending)) return;
    sending.trying = false;
    this.#watch.clear();
    switch (status) {
      case 404:
      case 410:
        return this.#end(sending, "refused", "gone");
      case 413:
        return this.#end(sending, "refused", "large");
      case 422:
        return this.#end(sending, "refused", code === "too_large" ? "large" : code === "too_many" ? "full" : "gone");
      default: {
        // An answer that is none of an upload's is the page to sign in.
        const out = status === 401 || status === 403 || (status >= 200 && status < 400);
        // What comes again after a cut may be told that it comes too soon: that is the connection's doing.
        const cut = status === 0 || status === 409 || status === 423;
        this.#become(sending, out ? "out" : cut ? "waiting" : "away");
        this.#alarm.set(backoff(sending.tries++, this.#outside.random()), () => this.go());
      }
    }
  }

  /** @param {Sending} sending @param {"sent" | "refused"} stage @param {Why} why */
  #end(sending, stage, why) {
    this.#queue = this.#queue.filter((each) => each !== sending);
    sending.why = why;
    sending.transfer = null;
    sending.trying = false;
    this.#watch.clear();
    this.#become(sending, stage);
    this.go();
  }

  /** @param {Sending} sending @param {Stage} stage */
  #become(sending, stage) {
    sending.stage = stage;
    this.#outside.changed(sending);
  }
}
