// Inviting somebody to the visit that is going on: name, role, language, and there is a link to copy, to share or to send as a text message.

import { box, button, byId, el, setText } from "./dom.js";
import { invite } from "../api.js";

/** @import {Words} from "../i18n.js" */

/**
 * Which roles somebody may invite, the likeliest first.
 * @param {string} role mine
 * @returns {string[]}
 */
export function invitable(role) {
  return role === "clinician" ? ["guest", "guardian", "interpreter", "clinician", "observer", "patient"] : ["guest"];
}

export class Invite {
  #words;
  #visit;
  #languages;
  #dialog = byId("invite-dialog", HTMLDialogElement);
  #name = byId("invite-name", HTMLInputElement);
  #link = byId("invite-link", HTMLInputElement);

  /**
   * @param {Words} words
   * @param {() => {path: string, site: string, you: {role: string}}} visit
   * @param {() => {tag: string, name: string}[]} languages
   */
  constructor(words, visit, languages) {
    this.#words = words;
    this.#visit = visit;
    this.#languages = languages;
    byId("invite-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#make();
    });
    this.#dialog.querySelector(".close")?.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#fresh()); // the link is a key: it does not lie about in the page
    this.#link.addEventListener("focus", () => this.#link.select());
    button("invite-copy").addEventListener("click", () => void this.#copy());
    button("invite-share").addEventListener("click", () => void this.#share());
    button("invite-more").addEventListener("click", () => {
      this.#fresh();
      this.#name.focus();
    });
  }

  open() {
    const words = this.#words;
    const roles = invitable(this.#visit().you.role);
    const role = byId("invite-role", HTMLSelectElement);
    role.replaceChildren(...roles.map((each) => el("option", { value: each }, words.t(`role.${each}`))));
    box("invite-role-field").hidden = roles.length < 2;
    const language = byId("invite-language", HTMLSelectElement);
    const known = this.#languages().map(({ tag, name }) => el("option", { value: tag, lang: tag, dir: "auto" }, name));
    language.replaceChildren(el("option", { value: "" }, words.t("invite.any_language")), ...known);
    this.#fresh();
    this.#dialog.showModal();
    this.#name.focus();
  }

  async #make() {
    const words = this.#words;
    const name = this.#name.value.trim();
    if (name === "") return this.#wrong(words.t("invite.no_name"));
    if (button("invite-send").getAttribute("aria-busy") === "true") return;
    button("invite-send").setAttribute("aria-busy", "true");
    const [role, language] = ["invite-role", "invite-language"].map((id) => byId(id, HTMLSelectElement).value);
    const reply = await invite(this.#visit().path, { name, role, language });
    button("invite-send").removeAttribute("aria-busy");
    if (!this.#dialog.open) return;
    if (reply.kind !== "invited") return this.#wrong(words.t(reply.kind === "later" ? "invite.away" : "visit.not_allowed"));
    this.#link.value = reply.link;
    setText(box("invite-ready"), words.t("invite.ready", { name }));
    const sms = words.t("invite.message", { site: this.#visit().site, link: reply.link });
    box("invite-sms").setAttribute("href", `sms:?&body=${encodeURIComponent(sms)}`);
    // A laptop has nothing that would send a text message.
    box("invite-sms").hidden = !matchMedia("(pointer: coarse)").matches;
    button("invite-share").hidden = typeof navigator.share !== "function";
    box("invite-form").hidden = true;
    box("invite-done").hidden = false;
    button("invite-copy").focus();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#link.value);
      setText(box("invite-ready"), this.#words.t("invite.copied"));
    } catch {
      this.#link.focus(); // selected, so that it can be copied by hand
    }
  }

  async #share() {
    const { site } = this.#visit();
    await navigator.share({ text: this.#words.t("invite.message", { site, link: this.#link.value }) }).catch(() => undefined); // they thought better of it
  }

  /** @param {string} text */
  #wrong(text) {
    setText(box("invite-error"), text);
    box("invite-name-field").classList.toggle("wrong", text !== "");
    this.#name.setAttribute("aria-invalid", String(text !== ""));
    if (text) this.#name.focus();
  }

  #fresh() {
    this.#name.value = this.#link.value = "";
    box("invite-sms").removeAttribute("href");
    this.#wrong("");
    box("invite-form").hidden = false;
    box("invite-done").hidden = true;
  }
}
