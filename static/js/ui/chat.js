// The chat's panel: lines, what is being sent, how many are unread, and the box to write in.

import { box, button, byId, el, keyed, setText } from "./dom.js";
import { longestText } from "../protocol.js";

/** @import {Line} from "../protocol.js" */
/** @import {Unsent} from "../outbox.js" */
/** @import {Room} from "../room.js" */
/** @import {Words} from "../i18n.js" */
/** @import {Live} from "./live.js" */

/** @typedef {{key: string, name: string, own: boolean, text: string, at: string}} Row `at`: a time of day, or that it is being sent */

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
  #say;
  #text = byId("chat-text", HTMLTextAreaElement);
  #unread = new Unread();

  /** @param {Words} words @param {Live} live @param {(text: string) => void} say */
  constructor(words, live, say) {
    this.#words = words;
    this.#live = live;
    this.#say = say;
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

  /** @param {Room} room @param {Map<string, Unsent>} pending not acknowledged yet */
  show(room, pending) {
    const words = this.#words;
    const open = !box("chat").hidden;
    /** @type {Row[]} */
    const rows = room.chat.map(({ id, from, text, at }) => {
      const own = from.id === room.you.id;
      return { key: keyOf({ id, from }), own, name: own ? words.t("chat.you") : from.name, text, at: words.time(Date.parse(at)) };
    });
    for (const { id, text, state } of pending.values()) {
      const at = words.t(state === "refused" ? "chat.not_sent" : "chat.sending");
      rows.push({ key: `${room.you.id} ${id}`, own: true, name: words.t("chat.you"), text, at });
    }
    const lines = box("chat-lines");
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    const before = lines.childElementCount;
    const may = room.may.has("chat");
    button("open-chat").hidden = !may && rows.length === 0;
    byId("chat-form", HTMLFormElement).hidden = !may;
    if (rows.length === 0 && may) rows.push({ key: "", own: false, name: "", text: words.t("chat.empty"), at: "" });
    keyed(lines, rows, (row) => row.key, makeRow, fillRow);
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
    this.#say(text);
    this.#text.focus();
  }
}

/** @param {Row} row */
function makeRow(row) {
  if (row.key === "") return el("li", { class: "chat-empty" });
  return el("li", { class: row.own ? "own" : "" }, el("span", { class: "chat-head" }, el("strong", {}, row.name), el("span", {})), el("p", {}));
}

/** @param {HTMLElement} li @param {Row} row */
function fillRow(li, row) {
  if (row.key === "") return setText(li, row.text);
  const [head, text] = li.children;
  setText(/** @type {Element} */ (head.firstElementChild), row.name);
  setText(/** @type {Element} */ (head.lastElementChild), row.at);
  setText(text, row.text);
}
