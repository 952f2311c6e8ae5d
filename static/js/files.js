// The files that go with a summary: sent while its author writes on, and shown with how far each is. Without this script none can be added.

import { isLost, isOpen, isSettled, meaning, news } from "./added.js";
import { Alarm } from "./alarm.js";
import { fetchPage } from "./anew.js";
import { backoff } from "./backoff.js";
import { Sender } from "./sending.js";
import { byId, keepFocus, setText } from "./ui/dom.js";

/** @import {Meaning, Told} from "./added.js" */
/** @import {Chosen, Heard, Sending, Transfer} from "./sending.js" */

/** tus-js-client, as far as it is used. @typedef {{Upload: new (file: unknown, options: Record<string, unknown>) => {start: () => void, abort: () => Promise<void>, url: string | null, options: {endpoint: string | null}}}} Tus */

/** A file is sent in pieces of so many bytes: whatever stands before the server takes a piece, and the session is looked at for each. */
const piece = 4 << 20;
/** So often it is asked soon how far the files are, and after that every so many milliseconds: the scanner may be away. */
const often = 10;
const seldom = 15_000;
/** Every so many per cent are said aloud. */
const aloud = 25;

const clock = {
  later: (/** @type {() => void} */ call, /** @type {number} */ ms) => setTimeout(call, ms),
  forget: (/** @type {any} */ timer) => clearTimeout(timer),
};

class Files {
  #box;
  #list = byId("files-list", HTMLUListElement);
  #choose = byId("files-choose", HTMLButtonElement);
  #field = byId("files-field", HTMLInputElement);
  #row = byId("files-row", HTMLTemplateElement);
  #note = byId("files-note", HTMLElement);
  #wrong = byId("files-wrong", HTMLElement);
  #live = byId("files-said", HTMLElement);
  #path;
  #many;
  #sender;
  /** @type {Map<Sending, HTMLElement>} */
  #rows = new Map();
  /** @type {WeakMap<HTMLElement, number>} what was said aloud of a row last, in per cent */
  #heard = new WeakMap();
  /** @type {Set<Element>} rows that will not go along since the page was drawn, and of which that was not said yet where the summary is given */
  #unread = new Set();
  /** @type {Set<Element>} rows whose files are removed just now */
  #leaving = new Set();
  #asking = new Alarm(clock);
  #asked = 0;

  /** @param {HTMLElement} box @param {Tus} tus */
  constructor(box, tus) {
    this.#box = box;
    this.#path = box.dataset.files ?? "";
    this.#many = Number(box.dataset.many);
    const terms = { most: Number(box.dataset.most), types: (box.dataset.types ?? "").split(",") };
    this.#sender = new Sender({
      ...clock,
      random: Math.random,
      transfer: (file, heard) => this.#transfer(tus, file, heard),
      changed: (sending) => this.#show(sending),
    }, terms);
  }

  begin() {
    byId("files-add", HTMLElement).hidden = false;
    this.#choose.addEventListener("click", () => this.#field.click());
    this.#field.addEventListener("change", () => {
      void this.#add([...(this.#field.files ?? [])]);
      this.#field.value = ""; // or the same file could not be chosen again
    });
    this.#box.addEventListener("dragover", (event) => this.#over(event, true));
    this.#box.addEventListener("dragleave", (event) => this.#over(event, event.relatedTarget instanceof Node && this.#box.contains(event.relatedTarget)));
    this.#box.addEventListener("drop", (event) => {
      this.#over(event, false);
      void this.#add([...(event.dataTransfer?.files ?? [])]);
    });
    // A file that is dropped beside the box would open in place of the page, with all that was typed.
    for (const kind of /** @type {const} */ (["dragover", "drop"])) addEventListener(kind, (event) => hasFiles(event) && event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      const row = button?.closest("li");
      if (!row) return;
      event.preventDefault(); // which would send the form
      void this.#remove(row);
    });
    // Before others hear of it: a form is sent once.
    document.addEventListener("submit", (event) => {
      const back = event.target === this.#box.closest("form") ? this.#holdsBack() : "";
      if (back === "") return;
      event.preventDefault();
      event.stopPropagation();
      this.#warn(back);
      this.#box.focus();
    }, { capture: true });
    addEventListener("online", () => this.#sender.go());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.#sender.go();
      void this.#ask(); // another tab may have sent files, or signed in
    });
    addEventListener("beforeunload", (event) => {
      if (this.#sender.busy) event.preventDefault();
    });
    this.#askSoon();
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  #words(key, values = {}) {
    return (this.#box.dataset[key] ?? "").replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
  }

  /** @param {DragEvent} event @param {boolean} over */
  #over(event, over) {
    if (!hasFiles(event)) return; // but words, which go into a field
    event.preventDefault();
    this.#box.classList.toggle("over", over);
  }

  /** @returns {HTMLElement[]} */
  get #all() {
    return [...this.#list.querySelectorAll("li")];
  }

  /** Why the summary is not given yet, "" for nothing: a file is not ready, or its author was not told yet that it will not go along. */
  #holdsBack() {
    if (!this.#all.every((row) => isSettled(stateOf(row)))) return this.#words("unready");
    const lost = this.#all.filter((row) => this.#unread.has(row));
    this.#unread.clear();
    if (lost.length === 0) return "";
    return this.#words("less", { names: new Intl.ListFormat(document.documentElement.lang).format(lost.map(nameIn)) });
  }

  /** How many go along. */
  get #going() {
    return this.#all.filter((row) => !isLost(stateOf(row))).length;
  }

  /** @param {File[]} files */
  async #add(files) {
    this.#warn("");
    for (const file of files) {
      const there = await readable(file);
      if (this.#going >= this.#many) {
        this.#warn(this.#words("full"));
        break;
      }
      const row = /** @type {DocumentFragment} */ (this.#row.content.cloneNode(true)).querySelector("li");
      if (!row) return;
      for (const name of row.querySelectorAll("bdi")) name.textContent = file.name;
      row.querySelector("progress")?.setAttribute("aria-label", file.name);
      row.querySelector("[name=called]")?.setAttribute("value", file.name);
      this.#list.append(row);
      const sending = this.#sender.add(there ? file : { name: file.name, size: 0, type: "" });
      this.#rows.set(sending, row);
      this.#show(sending);
    }
    this.#sender.go();
  }

  /** @param {string} text */
  #warn(text) {
    setText(this.#wrong, text);
    this.#wrong.hidden = text === "";
    if (text !== "") setText(this.#live, text);
  }

  /** @param {Tus} tus @param {Chosen} file @param {Heard} heard @returns {Transfer} */
  #transfer(tus, file, heard) {
    const upload = new tus.Upload(file, {
      endpoint: this.#path,
      chunkSize: piece,
      metadata: { filename: file.name },
      retryDelays: null, // we try again
      storeFingerprintForResuming: false, // which would keep what the file is called on a device that others use
      onUploadUrlAvailable: () => {
        upload.options.endpoint = null; // or an answer that is none of an upload would have it begun anew
        heard.made((upload.url ?? "").replace(/^.*\//, ""));
      },
      onProgress: heard.progress,
      onSuccess: heard.done,
      /** @param {{originalResponse?: {getStatus: () => number, getBody: () => string} | null}} error */
      onError: async ({ originalResponse: answer }) => {
        if (answer) heard.failed(answer.getStatus(), codeIn(answer.getBody() ?? ""));
        else heard.failed((await readable(file)) ? 0 : 410, "");
      },
    });
    return { start: () => upload.start(), stop: () => void upload.abort() };
  }

  /** @param {Sending} sending */
  #show(sending) {
    const row = this.#rows.get(sending);
    if (!row) return;
    if (sending.id && row.dataset.file !== sending.id) {
      row.dataset.file = sending.id;
      for (const field of row.querySelectorAll("[name=file], button")) field.setAttribute("value", sending.id);
    }
    const percent = Math.floor((100 * sending.sent) / Math.max(1, sending.file.size));
    const states = { queued: "queued", sending: "sending", waiting: "waiting", away: "away", out: "out", sent: "scanning", refused: sending.why };
    this.#state(row, sending.stage === "sent" ? "scanning" : sending.stage, this.#words(states[sending.stage], { percent }), percent);
    if (sending.stage === "sent") {
      this.#rows.delete(sending);
      this.#asked = 0;
      this.#askSoon();
    }
    // More wait than this page knows of: what they are, their author has to see.
    if (sending.why === "full" && !this.#sender.busy) void this.#fetchRows(() => true);
  }

  /** @param {HTMLElement} row @param {string} state @param {string} says @param {number} percent */
  #state(row, state, says, percent) {
    const changed = row.dataset.state !== state;
    row.dataset.state = state;
    const text = row.querySelector(".file-says span");
    if (text) setText(text, says);
    const progress = row.querySelector("progress");
    if (progress) {
      progress.hidden = !["sending", "waiting", "away", "out"].includes(state);
      progress.value = percent;
    }
    for (const field of row.querySelectorAll("input")) field.disabled = isLost(state);
    if (changed && isLost(state)) this.#unread.add(row);
    const step = Math.floor(percent / aloud);
    if (state === "queued" || (!changed && this.#heard.get(row) === step)) return;
    this.#heard.set(row, step);
    setText(this.#live, this.#words("said", { name: nameIn(row), state: says }));
  }

  /** Asks how far the files are that are checked, soon. */
  #askSoon() {
    if (!this.#all.some((row) => isOpen(stateOf(row))) || this.#asking.on) return;
    const wait = this.#asked < often ? backoff(this.#asked, Math.random()) : seldom;
    this.#asked++;
    this.#asking.set(wait, () => void this.#ask());
  }

  async #ask() {
    /** @type {Told[]} */
    let all = [];
    /** @type {Meaning} */
    let answer = "later";
    const asked = new Set(this.#all.filter((row) => isOpen(stateOf(row))));
    try {
      const response = await fetch(this.#path, { headers: { Accept: "application/json" }, cache: "no-store" });
      answer = meaning(response);
      if (answer === "done") all = (await response.json()).files;
    } catch {
      answer = "later"; // asked again
    }
    const rows = this.#all.filter((row) => !this.#leaving.has(row));
    const { changes, more } = news(rows.map((row) => ({ id: row.dataset.file ?? "", state: stateOf(row), asked: asked.has(row) })), answer, all);
    for (const { id, state, told } of changes) {
      const row = rows.find((each) => each.dataset.file === id);
      if (!row) continue;
      if (told) setText(row.querySelector(".file-name .soft") ?? row, told.about);
      this.#state(row, state, told?.says ?? this.#words(state === "gone" ? "lost" : state), 100);
    }
    // Not while something is on its way: what no row is of may be that.
    if (more && !this.#sender.busy) await this.#fetchRows((state) => state !== "coming");
    this.#askSoon();
  }

  /** Adds the rows that the page has by now and this one lacks: the rest of it stays as it is, with all that was typed. @param {(state: string) => boolean} wanted */
  async #fetchRows(wanted) {
    const { page, ...reply } = await fetchPage(this.#path.replace(/\/files$/, ""));
    if (!page || meaning(reply) !== "done") return; // asked again
    const have = new Set([...this.#all, ...this.#leaving].map((row) => row instanceof HTMLElement && row.dataset.file));
    for (const row of page.querySelectorAll("#files-list > li")) {
      // What the family has got since is of another version, which is another page.
      if (!(row instanceof HTMLElement) || have.has(row.dataset.file) || stateOf(row) === "given" || !wanted(stateOf(row))) continue;
      const added = document.importNode(row, true);
      this.#list.append(added);
      setText(this.#live, this.#words("said", { name: nameIn(added), state: added.querySelector(".file-says")?.textContent ?? "" }));
    }
    this.#askSoon();
  }

  /** @param {HTMLElement} row */
  async #remove(row) {
    if (this.#leaving.has(row)) return;
    const id = row.dataset.file ?? "";
    const given = row.dataset.state === "given";
    this.#warn("");
    for (const [sending, its] of this.#rows) {
      if (its !== row) continue;
      this.#rows.delete(sending);
      this.#sender.stop(sending);
      if (id) this.#state(row, "coming", this.#words("coming"), 0); // where it stays
    }
    if (!given && id) {
      this.#leaving.add(row);
      const answer = await this.#delete(id);
      this.#leaving.delete(row);
      if (answer === "out" || answer === "later") {
        this.#warn(this.#words(answer === "out" ? "keptOut" : "kept", { name: nameIn(row) }));
        this.#askSoon();
        return;
      }
    }
    const next = row.nextElementSibling?.querySelector("button") ?? this.#choose;
    keepFocus(this.#list, next, () => row.remove());
    const said = this.#words(given ? "taken" : "removed", { name: nameIn(row) });
    setText(this.#live, said);
    if (given) {
      setText(this.#note, said); // seen as well: nothing has changed for the family yet
      this.#note.hidden = false;
    }
  }

  /** Has the server forget a file. @param {string} id @returns {Promise<Meaning>} */
  async #delete(id) {
    try {
      return meaning(await fetch(`${this.#path}/${id}`, { method: "DELETE", headers: { Accept: "application/json" } }));
    } catch {
      return "later";
    }
  }
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/** Whether there is something to read: a folder has nothing, and a file may be gone. @param {Chosen} file */
async function readable(file) {
  try {
    if (file instanceof Blob) await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** @param {HTMLElement} row */
const stateOf = (row) => row.dataset.state ?? "";

/** @param {HTMLElement} row */
const nameIn = (row) => row.querySelector("bdi")?.textContent ?? "";

/** The code of a problem, "" where there is none. @param {string} body */
function codeIn(body) {
  try {
    return String(JSON.parse(body).code ?? "");
  } catch {
    return "";
  }
}

const box = document.getElementById("files");
const tus = /** @type {{tus?: Tus}} */ (/** @type {unknown} */ (globalThis)).tus;
if (box?.dataset.files && tus) new Files(box, tus).begin();
