// Whether the visit begins later than planned, for whoever waits for it: asked again and again. Touches no DOM.

/** How often it is asked (milliseconds); each time up to half as long again, so that not everybody who waits asks in one moment. */
const every = 15_000;

export class Lateness {
  /** 0: it does not, as far as is known. */
  minutes = 0;

  #changed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #following = false;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Asks from now on, unless it does so already. @param {() => Promise<number | null>} ask null: not now */
  follow(ask) {
    if (this.#following) return;
    this.#following = true;
    void this.#look(ask);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#following = false;
    this.minutes = 0;
  }

  /** @param {() => Promise<number | null>} ask */
  async #look(ask) {
    const minutes = await ask();
    if (!this.#following) return;
    this.#timer = setTimeout(() => void this.#look(ask), every * (1 + Math.random() / 2));
    if (minutes === null || minutes === this.minutes) return;
    this.minutes = minutes;
    this.#changed();
  }
}
