// The one question some visits ask before they open: the patient's date of birth, in three boxes.

import { box, button, byId } from "./dom.js";

/** @import {Words} from "../i18n.js" */

/** @typedef {{ok: true, date: string} | {ok: false, why: "empty" | "no_such_day" | "future"}} Read */

/** Digits as people type them in Arabic, Persian and with Chinese keyboards: where each ten of them begins. */
const zeros = [0x0660, 0x06f0, 0xff10];

/** Digits of any script as 0 to 9. @param {string} text */
function plainDigits(text) {
  return text.replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    const zero = zeros.find((each) => code >= each && code < each + 10);
    return zero === undefined ? digit : String(code - zero);
  });
}

/**
 * A date from what somebody typed.
 * @param {string} day
 * @param {string} month
 * @param {string} year
 * @param {number} now milliseconds
 * @returns {Read} date: YYYY-MM-DD
 */
export function readDate(day, month, year, now) {
  const typed = [day, month, year].map((each) => plainDigits(each.trim()));
  if (typed.some((each) => each === "")) return { ok: false, why: "empty" };
  if (!typed.every((each) => /^\d+$/.test(each)) || typed[2].length !== 4) return { ok: false, why: "no_such_day" };
  const [d, m, y] = typed.map(Number);
  const date = new Date(Date.UTC(y, m - 1, d));
  if (y < 1850 || date.getUTCMonth() !== m - 1 || date.getUTCDate() !== d) return { ok: false, why: "no_such_day" };
  if (date.getTime() > now + 24 * 3600_000) return { ok: false, why: "future" };
  return { ok: true, date: date.toISOString().slice(0, 10) };
}

export class BirthDate {
  #words;
  #send;
  #inputs = ["day", "month", "year"].map((part) => byId(`birth-${part}`, HTMLInputElement));

  /** @param {Words} words @param {(date: string) => void} send */
  constructor(words, send) {
    this.#words = words;
    this.#send = send;
    byId("birth-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #submit() {
    if (button("birth-send").getAttribute("aria-disabled") === "true") return;
    const [day, month, year] = this.#inputs.map((input) => input.value);
    const read = readDate(day, month, year, Date.now());
    if (!read.ok) return this.wrong(this.#words.t(`birth.${read.why}`));
    this.#say("");
    this.busy(true);
    this.#send(read.date);
  }

  /** @param {boolean} on while the server is asked */
  busy(on) {
    const send = button("birth-send");
    send.setAttribute("aria-disabled", String(on));
    send.textContent = this.#words.t(on ? "birth.checking" : "birth.send");
  }

  /** Says what is wrong and goes back to the first box. @param {string} why */
  wrong(why) {
    this.busy(false);
    this.#say(why);
    this.#inputs[0].focus();
    this.#inputs[0].select();
  }

  /** @param {string} why "" for nothing */
  #say(why) {
    box("birth-error").textContent = why;
    box("birth-fields").classList.toggle("wrong", why !== "");
    for (const input of this.#inputs) input.setAttribute("aria-invalid", String(why !== ""));
  }
}
