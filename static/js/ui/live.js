// What is said aloud by screen readers, and the short words at the edge of the picture. Each has one place on the page.

import { box, setText } from "./dom.js";

/** How long a toast stays: long enough to be read twice (milliseconds). */
const toastFor = 6000;

export class Live {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #toastTimer;
  #odd = false;

  /** Says something when the reader is done with what it is at. @param {string} text */
  polite(text) {
    // The same words twice are not read twice, unless they differ.
    this.#odd = !this.#odd;
    box("polite").textContent = this.#odd ? text : `${text}\u00a0`;
  }

  /** Says something at once. @param {string} text */
  urgent(text) {
    box("urgent").textContent = text;
  }

  /** Shows and says a short word that goes away. @param {string} text */
  toast(text) {
    clearTimeout(this.#toastTimer);
    box("toast").textContent = text;
    box("toast").hidden = false;
    this.polite(text);
    this.#toastTimer = setTimeout(() => (box("toast").hidden = true), toastFor);
  }

  /** Takes the short word away before its time. */
  quiet() {
    box("toast").hidden = true;
  }

  /** Leaves nothing of what was said, hidden words neither: it was said inside, and who reads on is outside now. */
  forget() {
    clearTimeout(this.#toastTimer);
    box("toast").hidden = true;
    for (const place of ["toast", "polite"]) box(place).textContent = "";
  }

  /** Shows a banner over everything until it is taken away with "". @param {string} text */
  banner(text) {
    const banner = box("banner");
    if (banner.hidden !== (text === "") || banner.textContent !== text) {
      setText(banner, text);
      banner.hidden = text === "";
      this.urgent(text);
    }
  }
}
