// A timer that holds one call at a time: setting it again takes back what it held. Pure: the clock is handed in.

/** @typedef {{later: (call: () => void, ms: number) => unknown, forget: (timer: any) => void}} Clock */

export class Alarm {
  #clock;
  /** @type {unknown} */
  #timer = null;

  /** @param {Clock} clock */
  constructor(clock) {
    this.#clock = clock;
  }

  /** Whether something is to come. */
  get on() {
    return this.#timer !== null;
  }

  /** @param {number} ms @param {() => void} call */
  set(ms, call) {
    this.clear();
    this.#timer = this.#clock.later(() => {
      this.#timer = null;
      call();
    }, ms);
  }

  clear() {
    if (this.#timer !== null) this.#clock.forget(this.#timer);
    this.#timer = null;
  }
}
