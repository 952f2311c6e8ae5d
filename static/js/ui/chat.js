// The chat's panel: lines, what is being sent, how many are unread, and the box to write in.

import { box, button, byId, el, keyed, setText } from "./dom.js";
import { longestText } from "../protocol.js";

/** @import {Line} from "../protocol.js" */
/** @import {Unsent} from "../outbox.js" */
/** @import {Room} from "../room.js" */
/** @import {Words} from "../i18n.js" */
/** @import {Live} from "./live.js" */

/** `at`: a time of day, or what became of it; `state`: "" once it is said.
 * @typedef {{key: string, id: string, name: string, own: boolean, text: string, at: string, state: string}} Row */
/** @typedef {{say: (text: string) => void, again: (id: string) => void, drop: (id: string) => void}} Acts */

/** Which of the others' lines have been seen; also after leaving and coming back. */
export class Unread {
  /** @type {Set<string>} */
  #seen = new Set();

  /** @param {Line[]} lines that are on screen */
  see(lines) {
    for (const line of lines) this.#seen.add(keyOf(line));
  }

  /** @param {Line[]} lines @param {string} me @returns {number} how many of them are others' and not seen yet */
  count(lines, me) {
    return lines.filter((line) => line.from.id !== me && !this.#seen.has(keyOf(line))).length;
  }
}

/** An id is unique among one person's lines only. @param {Pick<Line, "id" | "from">} line */
function keyOf({ id, from }) {
  return `${from.id} ${id}`;
}

export class ChatPanel {
  #words;
  #live;
  #acts;
  #text = byId("chat-text", HTMLTextAreaElement);
  #unread = new Unread();

  /** @param {Words} words @param {Live} live @param {Acts} acts */
  constructor(words, live, acts) {
    this.#words = words;
    this.#live = live;
    this.#acts = acts;
    byId("chat-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#text.addEventListener("keydown", (event) => {
      // An input method uses Enter to choose a word; Shift+Enter begins a new line.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
  }

  /** @param {Room} room @param {Map<string, Unsent>} pending not acknowledged yet @param {boolean} connected */
  show(room, pending, connected) {
    const words = this.#words;
    const open = !box("chat").hidden;
    /** @type {Row[]} */
    const rows = room.chat.map(({ id, from, text, at }) => {
      const own = from.id === room.you.id;
      return { key: keyOf({ id, from }), id, own, name: own ? words.t("chat.you") : from.name, text, at: words.time(Date.parse(at)), state: "" };
    });
    for (const { id, text, state } of pending.values()) {
      const shown = stateOf(state, connected);
      rows.push({ key: `${room.you.id} ${id}`, id, own: true, name: words.t("chat.you"), text, at: words.t(`chat.${shown}`), state: shown });
    }
    box("chat-private").hidden = room.private === "";
    const lines = box("chat-lines");
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    const before = lines.childElementCount;
    const may = room.may.has("chat");
    button("open-chat").hidden = !may && rows.length === 0;
    byId("chat-form", HTMLFormElement).hidden = !may;
    if (rows.length === 0 && may) rows.push({ key: "", id: "", own: false, name: "", text: words.t("chat.empty"), at: "", state: "" });
    keyed(lines, rows, (row) => row.key, (row) => this.#make(row), fillRow);
    if (open) this.#unread.see(room.chat);
    if (open && (atEnd || before !== lines.childElementCount)) lines.scrollTop = lines.scrollHeight;
    this.#showUnread(this.#unread.count(room.chat, room.you.id));
  }

  /** Puts the writer in the box, unless that would bring up a phone's keyboard unasked. */
  focus() {
    if (matchMedia("(pointer: coarse)").matches || byId("chat-form", HTMLFormElement).hidden) box("chat-title").focus();
    else this.#text.focus();
  }

  /** Forgets what was written, when the visit is over for this person. */
  clear() {
    this.#text.value = "";
  }

  /** @param {Row} row */
  #make(row) {
    if (row.key === "") return el("li", { class: "chat-empty" });
    const li = el("li", { class: row.own ? "own" : "" }, el("span", { class: "chat-head" }, el("strong", {}), el("span", {})), el("p", {}));
    if (!row.own) return li;
    /** @param {string} key @param {() => void} act */
    const choice = (key, act) => {
      const made = el("button", { type: "button", class: "button small quiet", "data-t": key }, this.#words.t(key));
      made.addEventListener("click", () => {
        this.#text.focus(); // the button goes
        act();
      });
      return made;
    };
    const again = choice("action.again", () => this.#acts.again(row.id));
    const drop = choice("chat.drop", () => this.#acts.drop(row.id));
    li.append(el("span", { class: "row", hidden: true }, again, drop));
    return li;
  }

  /** @param {number} count */
  #showUnread(count) {
    // A badge that style sheets draw: a number among the button's own words would make it another button to those who speak its name.
    if (count > 0) button("open-chat").dataset.unread = String(count);
    else delete button("open-chat").dataset.unread;
    setText(box("unread"), count > 0 ? this.#words.n("chat.unread", count) : "");
  }

  #send() {
    const text = this.#text.value.trim();
    if (text === "") return;
    const over = [...text].length - longestText;
    if (over > 0) return this.#live.toast(this.#words.t("chat.too_long", { count: over }));
    this.#text.value = "";
    this.#acts.say(text);
    this.#text.focus();
  }
}

/**
 * What is said of words that the server has not acknowledged.
 * @param {Unsent["state"]} state
 * @param {boolean} connected
 * @returns {"sending" | "waiting" | "not_sent"}
 */
export function stateOf(state, connected) {
  if (state === "refused") return "not_sent";
  return state === "sending" && connected ? "sending" : "waiting";
}

/** @param {HTMLElement} li @param {Row} row */
function fillRow(li, row) {
  if (row.key === "") return setText(li, row.text);
  const [head, text, again] = li.children;
  li.dataset.state = row.state;
  setText(/** @type {Element} */ (head.firstElementChild), row.name);
  setText(/** @type {Element} */ (head.lastElementChild), row.at);
  setText(text, row.text);
  if (again instanceof HTMLElement) again.hidden = row.state !== "not_sent";
}
