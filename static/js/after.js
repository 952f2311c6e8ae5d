// The note on the page of a visit, saved as it is typed; what else is typed there is not, so leaving it asks first. Without this script the forms save all.

import { readNote, saveNote } from "./api.js";
import { Note } from "./note.js";

/** What the writer has to know at once. @type {string[]} */
const troubles = ["waiting", "out", "changed", "refused"];

const field = document.querySelector("textarea[data-note]");
const form = document.getElementById("note-form");
const state = document.getElementById("note-state");
const trouble = document.getElementById("note-trouble");
const other = document.getElementById("note-other");
const otherText = document.getElementById("note-other-text");
const join = document.getElementById("note-join");

/** @param {HTMLTextAreaElement} field @param {HTMLFormElement} form */
async function begin(field, form) {
  const path = field.dataset.note ?? "";
  const kept = await readNote(path);
  if (!kept || kept.signed || other?.hidden === false) return; // the form is there
  const typed = field.value;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  const note = new Note({
    later: (call, ms) => setTimeout(call, ms),
    forget: (timer) => clearTimeout(timer),
    now: () => Date.now(),
    random: Math.random,
    newID: () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    save: (write) => saveNote(path, write),
    changed: show,
  });
  function show() {
    const said = (state?.dataset[note.state] ?? "").replace("{time}", note.savedAt && clock.format(Date.parse(note.savedAt)));
    if (state && note.state !== "") state.textContent = said;
    if (trouble) trouble.textContent = troubles.includes(note.state) ? said : "";
    if (other) other.hidden = note.state !== "changed";
    if (otherText) otherText.textContent = note.other;
    if (join) join.hidden = false;
    if (note.state === "changed" || note.state === "refused") wanted = null;
    if (wanted && note.safe) send();
  }
  /** The button that waits until all is saved. @type {HTMLButtonElement | null} */
  let wanted = null;
  function send() {
    field.removeAttribute("name"); // the server has the text
    const button = wanted;
    wanted = null;
    form.requestSubmit(button);
  }
  note.open(kept);
  if (typed !== kept.text) note.type(typed);
  field.addEventListener("input", () => note.type(field.value));
  join?.addEventListener("click", () => {
    field.value = note.join();
    field.focus();
  });
  form.addEventListener("submit", (event) => {
    if (!field.hasAttribute("name")) return;
    event.preventDefault();
    if (event.submitter instanceof HTMLButtonElement) wanted = event.submitter;
    if (note.safe) send();
    else note.flush();
  });
  addEventListener("online", () => note.flush());
  document.addEventListener("visibilitychange", () => document.hidden && note.flush());
  addEventListener("pageshow", () => field.setAttribute("name", "text")); // the reader came back to the page
  addEventListener("beforeunload", (event) => {
    if (!note.safe) event.preventDefault();
  });
}

/** Has the browser ask before a page is left on which something was typed that no form has sent. */
function guard() {
  /** @type {NodeListOf<HTMLTextAreaElement>} */
  const fields = document.querySelectorAll("textarea:not([data-note])");
  /** What is on its way. @type {EventTarget | null} */
  let sent = null;
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) sent = event.target;
  });
  addEventListener("pageshow", () => (sent = null)); // the reader came back to the page
  addEventListener("beforeunload", (event) => {
    const typed = (/** @type {HTMLTextAreaElement} */ field) => "unsent" in field.dataset || field.value !== field.defaultValue;
    if ([...fields].some((field) => typed(field) && field.form !== sent)) event.preventDefault();
  });
}

guard();
if (field instanceof HTMLTextAreaElement && form instanceof HTMLFormElement) void begin(field, form);
