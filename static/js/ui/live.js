// What is said aloud by screen readers, and the short words at the edge of the picture. Each has one place on the page.

import { box } from "./dom.js";

/** How long a toast stays: long enough to be read twice (milliseconds). */
const toastFor = 6000;
/** What comes within so long is said in one: a reader has not begun with the first when the second comes (milliseconds). */
const together = 700;
/** What is laid over everything, or said. */
const places = ["polite", "urgent", "banner", "toast"];

export class Live {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #toastTimer;
  #odd = false;
  #saying = "";
  #began = 0;

  constructor() {
    new MutationObserver(() => this.#follow()).observe(document.body, { subtree: true, attributeFilter: ["open"] });
  }

  /** Says something when the reader is done with what it is at. @param {string} text */
  polite(text) {
    const now = Date.now();
    const more = now - this.#began < together;
    if (!more) this.#began = now;
    this.#saying = more ? `${this.#saying} ${text}` : text;
    // The same words twice are not read twice, unless they differ.
    this.#odd = !this.#odd;
    box("polite").textContent = this.#odd ? this.#saying : `${this.#saying}\u00a0`;
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
    this.#began = 0;
    box("toast").hidden = true;
    for (const place of ["toast", "polite"]) box(place).textContent = "";
  }

  /** Shows a banner over everything until it is taken away with "". @param {string} text @param {HTMLElement[]} more after it */
  banner(text, ...more) {
    const banner = box("banner");
    const whole = [text, ...more.map((each) => each.textContent)].join(" ");
    if (banner.hidden !== (text === "") || banner.textContent !== whole) {
      banner.replaceChildren(text, ...more.flatMap((each) => [" ", each]));
      banner.hidden = text === "";
      this.urgent(whole);
    }
  }

  /** What is outside of an open dialog is neither seen nor read out: so all of it goes in, and comes out again. */
  #follow() {
    const host = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
    for (const place of places) if (box(place).parentElement !== host) host.append(box(place));
  }
}
