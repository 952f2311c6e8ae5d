// Which language the page speaks: the one the reader chose; else the invitation's, once it is known; else the best of those that the browser asks
// for, in which the server has drawn the page already. It owns the words of the page.

import { timesOf, Words } from "./i18n.js";

/** @typedef {{tag: string, name: string}} Spoken */

/** Where the choice is kept: a cookie, so that the server draws the next page in it at once. platform/words reads it for all pages. */
const cookie = "housecall_language";
/** Where this tab keeps the invitation's language, so that a reload does not begin in another. */
const invited = "housecall.language";
/** How long a choice is kept (seconds). */
const keptFor = 365 * 24 * 3600;

/**
 * The language of ours that answers to a tag: zh-Hans for zh-CN, es for es-MX. "" for none.
 * @param {string} asked a BCP 47 tag
 * @param {string[]} tags of ours
 */
export function match(asked, tags) {
  /** @param {string} tag */
  const parts = (tag) => {
    try {
      const { language, script } = new Intl.Locale(tag).maximize();
      return `${language}-${script}`;
    } catch {
      return "";
    }
  };
  const wanted = parts(asked);
  return tags.find((tag) => tag.toLowerCase() === asked.toLowerCase()) ?? tags.find((tag) => wanted !== "" && parts(tag) === wanted) ?? "";
}

/** What the reader chose, "" for nothing. @param {string} cookies as in document.cookie */
export function chosenIn(cookies) {
  return new RegExp(`(?:^|; )${cookie}=([A-Za-z0-9-]+)`).exec(cookies)?.[1] ?? "";
}

export class Language {
  words = new Words({}, "en");
  #turn = 0;

  /** @param {Spoken[]} all every language there is */
  constructor(all) {
    this.all = all;
    this.tag = document.documentElement.lang;
  }

  /** The words to begin with. Throws where they do not come. */
  async begin() {
    const tags = this.#tags;
    const first = [chosenIn(document.cookie), sessionStorage.getItem(invited) ?? ""].map((tag) => match(tag, tags)).find(Boolean);
    await this.#speak(first ?? (match(this.tag, tags) || "en"));
    return this.words;
  }

  /** The reader has chosen. @param {string} tag @returns {Promise<boolean>} whether the words came */
  async choose(tag) {
    try {
      await this.#speak(tag);
    } catch {
      return false;
    }
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${cookie}=${tag}; Path=/; Max-Age=${keptFor}; SameSite=Lax${secure}`;
    return true;
  }

  /** The invitation is in a language: it is spoken, unless the reader has chosen. @param {string} tag "" for unknown */
  async invite(tag) {
    const ours = match(tag, this.#tags);
    if (!ours || match(chosenIn(document.cookie), this.#tags)) return;
    sessionStorage.setItem(invited, ours);
    await this.#speak(ours).catch(() => undefined); // the words that are there go on
  }

  get #tags() {
    return this.all.map(({ tag }) => tag);
  }

  /** @param {string} tag one of ours */
  async #speak(tag) {
    const turn = ++this.#turn;
    if (tag === this.tag && this.words.has("language.tag")) return;
    const response = await fetch(new URL(`../locales/${tag}.json`, import.meta.url));
    if (!response.ok) throw new Error(`no words: ${response.status}`);
    const catalogue = await response.json();
    if (turn !== this.#turn) return; // something else was chosen meanwhile
    this.tag = tag;
    document.documentElement.lang = tag;
    document.documentElement.dir = catalogue["language.direction"];
    this.words.become(catalogue, timesOf(tag, navigator.languages));
  }
}
