// Keeps the screen lit while somebody waits or is in a visit: a phone that goes dark is let in and does not know it.

export class Awake {
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #wanted = false;

  constructor() {
    // The browser lets go of it when the page is out of sight.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#wanted) void this.#take();
    });
  }

  /** @param {boolean} on */
  keep(on) {
    if (on === this.#wanted) return;
    this.#wanted = on;
    if (on) void this.#take();
    else this.#release();
  }

  async #take() {
    if (this.#lock && !this.#lock.released) return;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch {
      return; // not everywhere, and not on a low battery; the visit goes on without
    }
    if (!this.#wanted) this.#release();
  }

  #release() {
    void this.#lock?.release().catch(() => undefined);
    this.#lock = null;
  }
}
