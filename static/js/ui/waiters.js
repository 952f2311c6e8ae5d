// Who waits, for those who may let them in: a small card over the pictures to admit at once, and in the panel everything that is known of them
// and can be done.

import { box, button, el, keepFocus, keyed, setText } from "./dom.js";
import { goesOut } from "./private.js";

/** @import {Checked, Member} from "../protocol.js" */
/** @import {Room} from "../room.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{admit: (member: Member) => void, decline: (member: Member) => void, tell: (member: Member | null) => void}} Acts tell: null for all */

/**
 * Why somebody who waits can't be let in now; "" where they can.
 * @param {Pick<Member, "role" | "device">} member
 * @param {string} since when private time began, "" while it is off
 * @returns {"" | "private" | "device"}
 */
export function heldBack(member, since) {
  if (since === "") return "";
  return goesOut(member) ? "private" : member.device ? "device" : "";
}

/**
 * What a device check found, as keys of the catalogue: what is wrong, or that nothing is.
 * @param {Checked} check
 * @returns {{good: boolean, keys: string[]}}
 */
export function foundBy({ camera, microphone, speaker, network }) {
  const keys = [];
  if (camera === "fault") keys.push("checked.camera");
  if (microphone === "fault") keys.push("checked.microphone");
  if (speaker === "fault") keys.push("checked.speaker");
  if (network === "poor" || network === "blocked") keys.push(`checked.${network}`);
  if (keys.length > 0) return { good: false, keys };
  const good = camera === "ok" && microphone === "ok";
  return { good, keys: [good ? "checked.good" : "checked.unknown"] };
}

export class Waiters {
  #words;
  #acts;
  #sent;
  #busy;
  /** @type {Map<string, Member>} */
  #members = new Map();

  /** @param {Words} words @param {Acts} acts @param {(member: string) => string} sent what was told to somebody last, in words, or ""
   * @param {(member: string) => boolean} busy whether something done to somebody does not show yet */
  constructor(words, acts, sent, busy) {
    this.#words = words;
    this.#acts = acts;
    this.#sent = sent;
    this.#busy = busy;
    button("tell-all").addEventListener("click", () => acts.tell(null));
  }

  /** @param {Room} room @param {number} now milliseconds */
  show(room, now) {
    const waiting = room.may.has("admit") ? room.waiting : [];
    this.#members = new Map(waiting.map((each) => [each.id, each]));
    const open = !box("people").hidden;
    this.#card(open ? [] : waiting.filter((each) => heldBack(each, room.private) === ""), now);
    box("waiting-part").hidden = waiting.length === 0;
    button("tell-all").hidden = waiting.length < 2 || !room.may.has("tell");
    const list = box("waiting-list");
    keepFocus(list, box("people-title"), () => {
      keyed(list, open ? waiting : [], (each) => each.id, (each) => this.#row(each), (li, each) => this.#fill(li, each, room, now));
    });
  }

  /** @param {Member[]} waiting @param {number} now */
  #card(waiting, now) {
    const place = box("knocking");
    if (!place.firstChild) place.append(el("h2", { "data-t": "knocking.title" }, this.#words.t("knocking.title")), el("ul", {}));
    if (waiting.length === 0 && place.contains(document.activeElement)) button("open-people").focus();
    place.hidden = waiting.length === 0;
    keyed(
      /** @type {Element} */ (place.lastElementChild),
      waiting,
      (each) => each.id,
      (each) => el("li", {}, this.#who(), el("span", { class: "row" }, this.#admit(each), this.#more(each))),
      (li, each) => this.#fillWho(li, each, now),
    );
  }

  /** @param {Member} member */
  #row(member) {
    const words = this.#words;
    const tell = el("button", { type: "button", class: "button small tell" });
    tell.addEventListener("click", () => this.#acts.tell(this.#now(member)));
    const decline = el("button", { type: "button", class: "button small danger decline" });
    decline.addEventListener("click", () => this.#acts.decline(this.#now(member)));
    return el(
      "li",
      {},
      this.#who(),
      el("span", { class: "checks" }),
      el("p", { class: "held small", hidden: true }),
      el("p", { class: "device small", "data-t": "knocking.device", hidden: true }, words.t("knocking.device")),
      el("p", { class: "sent small soft", hidden: true }),
      el("span", { class: "row" }, this.#admit(member), tell, decline),
    );
  }

  /** @param {HTMLElement} li @param {Member} member @param {Room} room @param {number} now */
  #fill(li, member, room, now) {
    const words = this.#words;
    this.#fillWho(li, member, now);
    const held = heldBack(member, room.private);
    part(li, ".admit").hidden = held !== "";
    part(li, ".held").hidden = held === "";
    if (held) setText(part(li, ".held"), words.t(`knocking.held_${held}`));
    part(li, ".device").hidden = !member.device || held !== "";
    const sent = this.#sent(member.id);
    part(li, ".sent").hidden = sent === "";
    setText(part(li, ".sent"), sent);
    label(part(li, ".tell"), words.t("tell.to_short"), words.t("tell.to", { name: member.name }), room.may.has("tell"));
    label(part(li, ".decline"), words.t("knocking.decline_short"), words.t("knocking.decline", { name: member.name }), room.may.has("decline") && held === "");
    const found = member.check && foundBy(member.check);
    keyed(part(li, ".checks"), found?.keys ?? [], (key) => key, (key) => el("span", { class: found?.good ? "tag good" : "tag warn", "data-t": key }), (tag, key) => setText(tag, words.t(key)));
  }

  #who() {
    return el("span", { class: "who" }, el("strong", { class: "name" }), el("span", { class: "small soft states" }));
  }

  /** @param {HTMLElement} li @param {Member} member @param {number} now */
  #fillWho(li, member, now) {
    const words = this.#words;
    const minutes = Math.floor((now - Date.parse(member.since)) / 60_000);
    const since = minutes < 1 ? words.t("knocking.since_now") : words.t("knocking.since", { time: words.span(minutes * 60_000) });
    const role = words.has(`role.${member.role}`) ? words.t(`role.${member.role}`) : "";
    setText(part(li, ".name"), member.name);
    setText(part(li, ".states"), [role, member.away ? words.t("visit.away") : since].filter(Boolean).join(" · "));
    setText(part(li, ".admit"), words.t("knocking.admit", { name: member.name }));
    for (const each of li.querySelectorAll(".admit, .decline")) each.setAttribute("aria-busy", String(this.#busy(member.id)));
    const more = li.querySelector(".more");
    if (more instanceof HTMLElement) label(more, words.t("knocking.more_short"), words.t("knocking.more", { name: member.name }), true);
  }

  /** @param {Member} member */
  #admit(member) {
    const made = el("button", { type: "button", class: "button primary admit" });
    made.addEventListener("click", () => {
      this.#acts.admit(this.#now(member));
      button("open-people").focus(); // this row is about to go; the focus must not fall off the page
    });
    return made;
  }

  /** @param {Member} member opens the panel, where there is more */
  #more(member) {
    const made = el("button", { type: "button", class: "button quiet more" });
    made.addEventListener("click", () => {
      button("open-people").click();
      const row = [...box("waiting-list").children].find((each) => each instanceof HTMLElement && each.dataset.key === member.id);
      row?.querySelector("button:not([hidden])") instanceof HTMLElement && /** @type {HTMLElement} */ (row.querySelector("button:not([hidden])")).focus();
    });
    return made;
  }

  /** As they are now. @param {Member} member */
  #now(member) {
    return this.#members.get(member.id) ?? member;
  }
}

/** @param {HTMLElement} li @param {string} selector @returns {HTMLElement} */
const part = (li, selector) => /** @type {HTMLElement} */ (li.querySelector(selector));

/** @param {HTMLElement} made @param {string} short what is seen @param {string} name what is said, too @param {boolean} shown */
function label(made, short, name, shown) {
  setText(made, short);
  made.setAttribute("aria-label", name);
  made.hidden = !shown;
}
