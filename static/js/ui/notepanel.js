// The panel of the clinician's note: what is written, and what became of it. The note outlives the panel: what is not saved when the visit ends is
// still sent, and the page says when that is done.

import { box, button, byId, setText } from "./dom.js";
import { readNote, saveNote } from "../api.js";
import { backoff } from "../backoff.js";
import { Note } from "../note.js";

/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

/** What the writer has to know at once. @type {string[]} */
const troubles = ["waiting", "out", "changed", "refused"];

export class NotePanel {
  #words;
  #visit;
  #text = byId("note-text", HTMLTextAreaElement);
  /** @type {Note | null} */
  #note = null;
  #over = false;

  /** @param {Words} words @param {() => VisitSeen} visit */
  constructor(words, visit) {
    this.#words = words;
    this.#visit = visit;
    this.#text.addEventListener("input", () => this.#note?.type(this.#text.value));
    button("note-join").addEventListener("click", () => {
      if (!this.#note) return;
      this.#text.value = this.#note.join();
      this.#text.focus();
    });
    words.follow(() => this.#changed());
    window.addEventListener("online", () => this.#note?.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.#note?.flush());
    window.addEventListener("beforeunload", (event) => {
      if (this.#note && !this.#note.safe) event.preventDefault();
    });
  }

  /** Shows the button to whoever writes notes, and fetches what there is of theirs. */
  show() {
    const writes = this.#visit().you.role === "clinician";
    button("open-note").hidden = !writes;
    this.#over = false;
    box("message-note").hidden = true;
    if (!writes) return;
    if (this.#note) {
      if (this.#text.disabled && this.#note.state !== "signed") this.#fill();
    } else void this.#open();
  }

  focus() {
    if (matchMedia("(pointer: coarse)").matches || this.#text.disabled) box("note-title").focus();
    else this.#text.focus();
  }

  /** The visit is over for this person: what they wrote leaves the page, and stays in memory until it is saved. */
  over() {
    if (!this.#note) return;
    this.#over = true;
    this.#text.value = "";
    this.#text.disabled = true;
    setText(box("note-other-text"), "");
    this.#note.flush();
    this.#changed();
  }

  async #open() {
    const path = `${this.#visit().path}note`;
    const note = new Note({
      later: (call, ms) => setTimeout(call, ms),
      forget: (timer) => clearTimeout(timer),
      now: () => Date.now(),
      random: Math.random,
      newID: () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
      save: (write) => saveNote(path, write),
      changed: () => this.#changed(),
    });
    this.#note = note;
    for (let tries = 0; ; tries++) {
      const kept = await readNote(path);
      if (kept) {
        note.open(kept);
        break;
      }
      await new Promise((resume) => setTimeout(resume, 2 * backoff(tries, Math.random())));
    }
    this.#opened = true;
    if (!this.#over) this.#fill();
  }

  #opened = false;

  #fill() {
    if (!this.#note || !this.#opened) return;
    this.#text.value = this.#note.text;
    this.#text.disabled = this.#note.state === "signed";
    this.#changed();
  }

  #changed() {
    if (!this.#note) return;
    if (this.#over && this.#note.state === "changed") this.#note.join(); // nobody is here to do so
    const { state, savedAt, other } = this.#note;
    const words = this.#words;
    const said = state === "" ? "" : words.t(`note.state.${state}`, { time: savedAt ? words.time(Date.parse(savedAt)) : "" });
    box("note-state").dataset.state = state;
    setText(box("note-state"), said);
    setText(box("note-trouble"), troubles.includes(state) ? said : ""); // who listens is not to hear of each word that is saved
    box("note-other").hidden = state !== "changed";
    setText(box("note-other-text"), this.#over ? "" : other);
    box("message-note").hidden = !this.#over || state === "";
    setText(box("message-note"), said);
  }
}
