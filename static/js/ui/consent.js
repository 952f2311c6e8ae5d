// Consent before the visit, where the site asks for it: the text in the reader's language, who agrees for whom, and one button. What was agreed to is
// sent with the version that was read; when that is no longer the one, the new text is shown.

import { consentText, giveConsent } from "../api.js";
import { box, button, byId, el, setText } from "./dom.js";

/** @import {ConsentText, VisitSeen} from "../api.js" */
/** @import {Message} from "./message.js" */
/** @import {Screens} from "./screens.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{kind: "heading" | "text", text: string} | {kind: "list", items: string[]}} Block */

/**
 * A text as paragraphs, headings (# …) and lists (- …). Whatever else stands in it is shown as it is.
 * @param {string} text
 * @returns {Block[]}
 */
export function blocksOf(text) {
  /** @type {Block[]} */
  const blocks = [];
  for (const part of text.trim().split(/\n\s*\n/)) {
    /** @type {Block | undefined} */
    let last;
    for (const line of part.split("\n")) {
      const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
      const [, item] = /^\s*[-*•]\s+(.*)$/.exec(line) ?? [];
      const before = last;
      if (heading !== undefined) blocks.push({ kind: "heading", text: heading });
      else if (item !== undefined && before?.kind === "list") before.items.push(item);
      else if (item !== undefined) blocks.push((last = { kind: "list", items: [item] }));
      else if (before?.kind === "list") before.items[before.items.length - 1] += ` ${line.trim()}`;
      else if (before?.kind === "text") before.text += ` ${line.trim()}`;
      else if (line.trim()) blocks.push((last = { kind: "text", text: line.trim() }));
    }
  }
  return blocks;
}

/** How long to wait before reading the text again (milliseconds). */
const again = 4000;

export class Consent {
  #words;
  #screens;
  #message;
  #given;
  /** @type {VisitSeen | null} */
  #visit = null;
  /** @type {ConsentText | null} */
  #text = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Words} words @param {Screens} screens @param {Message} message @param {() => void} given goes on to the visit */
  constructor(words, screens, message, given) {
    this.#words = words;
    this.#screens = screens;
    this.#message = message;
    this.#given = given;
    byId("consent-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#agree();
    });
    button("consent-decline").addEventListener("click", () => this.#decline());
    words.follow(() => this.#again());
  }

  /** Reads the text and asks. @param {VisitSeen} visit @param {boolean} [changed] whether another text was read before */
  async ask(visit, changed = false) {
    clearTimeout(this.#timer);
    this.#visit = visit;
    const reply = await consentText(visit.path, document.documentElement.lang);
    if (reply.kind === "none") return this.#given();
    if (reply.kind === "text") {
      this.#text = reply.text;
      this.#show(changed);
      return;
    }
    const ask = () => void this.ask(visit, changed);
    this.#message.show("away", {}, [{ words: "action.retry", primary: true, act: ask }]);
    this.#timer = setTimeout(ask, Math.max(again, reply.after));
  }

  /** In another language: another text, and whoever reads it now reads on. */
  async #again() {
    if (!this.#visit || document.body.dataset.state !== "consent") return;
    const reply = await consentText(this.#visit.path, document.documentElement.lang);
    if (reply.kind !== "text" || document.body.dataset.state !== "consent") return;
    this.#text = reply.text;
    this.#show(!box("consent-changed").hidden);
  }

  /** @param {boolean} changed */
  #show(changed) {
    const text = this.#text;
    if (!text) return;
    const place = box("consent-text");
    place.lang = text.language;
    place.replaceChildren(...blocksOf(text.text).map(drawn));
    const choice = text.whom.length > 1;
    box("consent-whom").hidden = !choice;
    box("consent-for").hidden = choice;
    setText(box("consent-for"), choice ? "" : this.#words.t(text.whom[0] === "patient" ? "consent.for_patient" : "consent.for_self"));
    box("consent-changed").hidden = !changed;
    box("consent-other").hidden = sameLanguage(text.language, this.#words.locale);
    this.#say("");
    this.#busy(false);
    this.#screens.show("consent");
  }

  async #agree() {
    const [visit, text] = [this.#visit, this.#text];
    if (!visit || !text || button("consent-agree").getAttribute("aria-disabled") === "true") return;
    const whom = text.whom.length > 1 ? chosen() : text.whom[0];
    if (!whom) {
      this.#say("consent.choose");
      byId("consent-self", HTMLInputElement).focus();
      return;
    }
    this.#say("");
    this.#busy(true);
    const answer = await giveConsent(visit.path, { version: text.version, language: text.language, for: whom });
    this.#busy(false);
    if (answer === "given") return this.#given();
    if (answer === "conflict") {
      await this.ask(visit, true);
      return box("consent-changed").focus();
    }
    if (answer === "away") return this.#say("consent.away");
    this.#message.show(answer);
  }

  #decline() {
    this.#message.show("not-agreed", {}, [{ words: "action.read", primary: true, act: () => this.#show(false) }]);
  }

  /** @param {boolean} on while the server is told */
  #busy(on) {
    button("consent-agree").setAttribute("aria-disabled", String(on));
    setText(button("consent-agree"), this.#words.t(on ? "consent.sending" : "consent.agree"));
  }

  /** @param {string} key what is wrong, "" for nothing */
  #say(key) {
    const wrong = key === "consent.choose";
    setText(box("consent-error"), wrong ? this.#words.t(key) : "");
    setText(box("consent-away"), wrong || !key ? "" : this.#words.t(key));
    box("consent-whom").classList.toggle("wrong", wrong);
  }
}

/** Whom the reader has chosen. */
function chosen() {
  const found = document.querySelector('input[name="consent-for"]:checked');
  return found instanceof HTMLInputElement ? found.value : "";
}

/** @param {Block} block */
function drawn(block) {
  if (block.kind === "list") return el("ul", {}, ...block.items.map((item) => el("li", {}, item)));
  return el(block.kind === "heading" ? "h2" : "p", {}, block.text);
}

/** Whether whoever reads the one language reads the other: a region or a script aside. @param {string} a BCP 47 tag @param {string} b BCP 47 tag */
export function sameLanguage(a, b) {
  const [first, second] = [a, b].map((tag) => tag.toLowerCase().split("-")[0]);
  return first === second;
}
