// What a person may do about another one, as buttons that open under their name. Which ones there are is decided here, by right and by role.

import { button, el, keyed, setText } from "./dom.js";

/** @import {Member} from "../protocol.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {"pin" | "unpin" | "sign" | "unsign" | "lead" | "return" | "remove"} Choice */

/**
 * What I may do about somebody who is in the visit, the harmless first.
 * @param {Member} member
 * @param {Set<string>} may my rights
 * @param {string} pinned whom I see large by my own choice, "" for nobody
 * @returns {Choice[]}
 */
export function choices(member, may, pinned) {
  /** @type {Choice[]} */
  const list = [member.id === pinned ? "unpin" : "pin"];
  if (may.has("sign") && member.role === "interpreter") list.push(member.signing ? "unsign" : "sign");
  if (may.has("lead") && member.role === "clinician" && !member.lead && !member.away) list.push("lead");
  // A clinician comes in unasked: the waiting room does not hold one.
  if (may.has("return") && member.role !== "clinician") list.push("return");
  if (may.has("remove") && member.role !== "clinician") list.push("remove");
  return list;
}

/** A button with three dots, and under the row the choices that it opens. */
export class Menu {
  #words;
  #choose;
  #list = el("div", { class: "choices", role: "group", hidden: true });
  opener = el("button", { type: "button", class: "button quiet dots", "aria-expanded": "false" });

  /** @param {Words} words @param {(choice: Choice) => void} choose */
  constructor(words, choose) {
    this.#words = words;
    this.#choose = choose;
    this.opener.append(el("span", { "aria-hidden": "true" }, "⋯"));
    this.opener.addEventListener("click", () => this.open(this.#list.hidden));
    this.#list.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // the panel stays
      this.open(false);
      this.opener.focus();
    });
  }

  /** @param {HTMLElement} row a list item whose last element becomes the choices */
  hang(row) {
    row.append(this.#list);
  }

  /** @param {boolean} on */
  open(on) {
    this.#list.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
    if (!on) return;
    this.#list.querySelector("button")?.focus();
    this.#list.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} name whom it is about @param {Choice[]} list */
  show(name, list) {
    const words = this.#words;
    const label = words.t("people.more", { name });
    this.opener.setAttribute("aria-label", label);
    this.#list.setAttribute("aria-label", label);
    this.opener.hidden = list.length === 0;
    keyed(this.#list, list, (choice) => choice, (choice) => this.#make(choice), (made, choice) => setText(made, words.t(`people.do.${choice}`)));
  }

  /** @param {Choice} choice */
  #make(choice) {
    const made = el("button", { type: "button", class: choice === "remove" ? "button small danger" : "button small" });
    made.addEventListener("click", () => {
      this.open(false);
      // The row may be about to go; the focus must not fall off the page.
      if (this.opener.isConnected) this.opener.focus();
      else button("open-people").focus();
      this.#choose(choice);
    });
    return made;
  }
}
