// Private time as those see it who stay: the control, the bar that says so, the question to the patient, and when to remind a clinician of it.

import { box, button, setText } from "./dom.js";

/** @import {Hearing, Member} from "../protocol.js" */
/** @import {Room} from "../room.js" */
/** @import {Kept} from "./view.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{private: (on: boolean) => void, hearing: (answer: Hearing) => void}} Acts */

/** Ages in whole years at which time alone belongs to a visit, as professional guidance has it. */
const youngest = 12;
const oldest = 17;
/** People greet each other first (milliseconds). */
const settled = 60_000;

/** Who goes outside for private time. */
const goOut = new Set(["guardian", "guest"]);

/** @param {Pick<Member, "role">} member whether private time would move them out */
export const goesOut = ({ role }) => goOut.has(role);

/**
 * Whether to remind the clinician of private time: once, a minute into a visit with a teenager and somebody who would go outside.
 * @param {{may: Set<string>, private: string, started: string, others: Member[]}} room
 * @param {number | undefined} age the patient's, in whole years
 * @param {number} now milliseconds
 * @returns {{name: string, age: number} | null}
 */
export function reminds({ may, private: since, started, others }, age, now) {
  const patient = others.find((each) => each.role === "patient");
  if (!may.has("private") || since !== "" || !patient || age === undefined || age < youngest || age > oldest) return null;
  if (started === "" || now - Date.parse(started) < settled || !others.some(goesOut)) return null;
  return { name: patient.name, age };
}

/** What this tab keeps, so that a reload neither reminds nor asks again. */
const keys = { reminded: "housecall.reminded", answered: "housecall.answered" };

/** Who stays in private time beside me, in one line; "" for nobody. @param {Pick<Room, "others">} room */
export const staying = ({ others }) => others.map(({ name }) => name).join(" · ");

export class PrivateTime {
  #words;
  #kept;
  #since = "";

  /** @param {Words} words @param {Acts} acts @param {Kept} kept */
  constructor(words, acts, kept) {
    this.#words = words;
    this.#kept = kept;
    button("private").addEventListener("click", () => {
      // Ended in one place only: a click too many must not bring anybody back.
      if (this.#since) button("private-end").focus();
      else acts.private(true);
    });
    button("private-end").addEventListener("click", () => {
      acts.private(false);
      button("private").focus();
    });
    button("ask-again").addEventListener("click", () => {
      this.#answered = "";
      this.#ask(true);
      box("ask-title").focus();
    });
    for (const each of box("ask").querySelectorAll("button")) {
      each.addEventListener("click", () => {
        // Whatever the answer, the screen looks the same afterwards: somebody may be looking on.
        acts.hearing(/** @type {Hearing} */ (each.dataset.answer));
        this.#answered = this.#since;
        this.#ask(true);
        button("ask-again").focus();
      });
    }
  }

  /** @param {Room} room @param {number | undefined} age the patient's @param {number} now milliseconds @param {boolean} busy its beginning or end does not show yet */
  show(room, age, now, busy) {
    const may = room.may.has("private");
    const on = room.private !== "";
    this.#since = room.private;
    if (on) this.reminded();
    button("private").hidden = !may;
    button("private").setAttribute("aria-pressed", String(on));
    for (const id of ["private", "private-end"]) button(id).setAttribute("aria-busy", String(busy));
    if (!on && box("private-bar").contains(document.activeElement)) button("open-people").focus();
    box("private-bar").hidden = !on;
    const names = on ? staying(room) : "";
    box("private-with").hidden = names === "";
    setText(box("private-with"), names && this.#words.t("private.with", { names }));
    button("private-end").hidden = !may;
    this.#ask(on && room.you.role === "patient");
    return this.#keptAt(keys.reminded) ? null : reminds(room, age, now);
  }

  /** The reminder has done its work. */
  reminded() {
    this.#keep(keys.reminded, "yes");
  }

  hide() {
    box("private-bar").hidden = box("ask").hidden = true;
    box("private-with").textContent = "";
  }

  /** @param {boolean} asked the patient, in private time */
  #ask(asked) {
    const answered = this.#answered === this.#since;
    if (!asked && box("ask").contains(document.activeElement)) button("open-people").focus();
    box("ask").hidden = !asked || answered;
    button("ask-again").hidden = !asked || !answered;
  }

  get #answered() {
    return this.#keptAt(keys.answered);
  }

  set #answered(since) {
    this.#keep(keys.answered, since);
  }

  /** @param {string} key */
  #keptAt(key) {
    return this.#memory.get(key) ?? this.#kept.getItem(key) ?? "";
  }

  /** Where storage is full or off, until a reload. @type {Map<string, string>} */
  #memory = new Map();

  /** @param {string} key @param {string} value */
  #keep(key, value) {
    if (this.#memory.get(key) === value) return;
    this.#memory.set(key, value);
    try {
      this.#kept.setItem(key, value);
    } catch {
      // kept in memory
    }
  }
}
