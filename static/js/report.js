// Tells the hospital how a device check before the visit goes: the last word last, once. Touches no DOM.

import { backoff } from "./backoff.js";

/** @import {Checked} from "./protocol.js" */

/** How often one word is tried to be told. */
const mostTries = 4;

export class Report {
  #send;
  #pause;
  #wanted = "";
  #told = "";
  /** @type {Promise<boolean> | null} */
  #telling = null;

  /**
   * @param {(check: Checked) => Promise<boolean>} send whether it was kept; never throws
   * @param {(ms: number) => Promise<void>} [pause]
   */
  constructor(send, pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))) {
    this.#send = send;
    this.#pause = pause;
  }

  /**
   * Tells how it went, in the place of what was told before.
   * @param {Checked} check
   * @returns {Promise<boolean>} whether the hospital knows it now
   */
  tell(check) {
    this.#wanted = JSON.stringify(check);
    this.#telling ??= this.#tell().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tell() {
    for (let tries = 0; this.#wanted !== this.#told && tries < mostTries; ) {
      const said = this.#wanted;
      if (await this.#send(JSON.parse(said))) [this.#told, tries] = [said, 0];
      else await this.#pause(backoff(tries++, Math.random()));
    }
    return this.#wanted === this.#told;
  }
}

/**
 * How a check went, as the person is told it.
 * @param {Checked} check
 * @returns {"help" | "fine" | "part"} part: it is not known of everything
 */
export function outcomeOf(check) {
  const { camera, microphone, speaker, network } = check;
  if ([camera, microphone, speaker].includes("fault") || network === "blocked") return "help";
  return camera === "ok" && microphone === "ok" && network !== "unknown" ? "fine" : "part";
}
