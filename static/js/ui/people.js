// Who is in the visit, as a list: what they are, how they are, and what I may do about them.

import { box, button, el, keepFocus, keyed, setText } from "./dom.js";
import { choices, Menu } from "./menu.js";

/** @import {Choice} from "./menu.js" */
/** @import {Media, Member} from "../protocol.js" */
/** @import {Room} from "../room.js" */
/** @import {Words} from "../i18n.js" */

/** Somebody in the list; of me less is known. @typedef {Pick<Member, "id" | "name" | "role"> & Partial<Omit<Member, "media">> & {media: Media}} Listed */

/**
 * What is said of somebody under their name, as keys of the catalogue, the lasting first.
 * @param {Listed} person
 * @param {Room} room
 * @returns {string[]}
 */
export function statesOf({ id, media, away, line, signing, hearing }, room) {
  const states = [];
  if (room.leader === id && room.others.some((each) => each.role === "clinician")) states.push("people.leads");
  if (hearing) states.push(`hearing.${hearing}`);
  if (away) return [...states, "visit.away"];
  if (signing) states.push("people.signs");
  if (media.screen) states.push("people.shares");
  if (room.speaking.includes(id) && media.microphone) states.push("visit.speaking");
  if (!media.microphone) states.push("visit.muted");
  if (!media.camera) states.push("visit.camera_off");
  if (line === "weak" || line === "bad") states.push("people.line_weak");
  return states;
}

/** @typedef {{choose: (choice: Choice, member: Member) => void, signs: (on: boolean) => void, invite: () => void}} Acts */

export class People {
  #words;
  #acts;
  #busy;
  /** @type {Map<string, {menu: Menu, member: Member}>} */
  #menus = new Map();

  /** @param {Words} words @param {Acts} acts @param {(member: string) => boolean} busy whether something done to somebody does not show yet */
  constructor(words, acts, busy) {
    this.#busy = busy;
    this.#words = words;
    this.#acts = acts;
    button("invite").addEventListener("click", acts.invite);
  }

  /** @param {Room} room @param {Pick<Member, "media" | "line">} mine what I send, and how my line does @param {string} pinned */
  show(room, mine, pinned) {
    const words = this.#words;
    box("invite-part").hidden = !room.may.has("invite");
    /** @type {Listed} */
    const me = { ...room.you, ...mine, name: words.t("people.you", { name: room.you.name }), signing: room.signing };
    keepFocus(box("people-list"), box("people-title"), () =>
      keyed(
        box("people-list"),
        [me, ...room.others],
        (each) => each.id,
        (each) => (each === me ? this.#me(room) : this.#other(/** @type {Member} */ (each))),
        (li, each) => {
          const role = words.has(`role.${each.role}`) ? words.t(`role.${each.role}`) : "";
          set(li, ".name", each.name);
          set(li, ".states", [role, this.#busy(each.id) ? words.t("people.moment") : "", ...statesOf(each, room).map((key) => words.t(key))].filter(Boolean).join(" · "));
          const theirs = this.#menus.get(each.id);
          if (!theirs || each === me) return;
          theirs.member = /** @type {Member} */ (each);
          theirs.menu.show(each.name, choices(theirs.member, room.may, pinned));
        },
      ),
    );
    for (const id of this.#menus.keys()) if (!room.members.has(id)) this.#menus.delete(id);
    const sign = box("people-list").querySelector(".signs");
    sign?.setAttribute("aria-pressed", String(room.signing));
  }

  /** Forgets everybody. */
  clear() {
    this.#menus.clear();
  }

  /** An interpreter says of themselves whether they sign. @param {Room} room */
  #me(room) {
    const li = row();
    if (room.you.role !== "interpreter" || !room.may.has("sign")) return li;
    const sign = el("button", { type: "button", class: "button small signs", "aria-pressed": "false", "data-t": "people.i_sign" }, this.#words.t("people.i_sign"));
    sign.addEventListener("click", () => this.#acts.signs(sign.getAttribute("aria-pressed") !== "true"));
    li.append(sign);
    return li;
  }

  /** @param {Member} member */
  #other(member) {
    const li = row();
    const menu = new Menu(this.#words, (choice) => {
      const now = this.#menus.get(member.id)?.member;
      if (now) this.#acts.choose(choice, now);
    });
    this.#menus.set(member.id, { menu, member });
    li.firstElementChild?.append(menu.opener);
    menu.hang(li);
    return li;
  }
}

function row() {
  return el("li", {}, el("div", { class: "person" }, el("span", { class: "who" }, el("strong", { class: "name" }), el("span", { class: "states small soft" }))));
}

/** @param {HTMLElement} li @param {string} part @param {string} text */
function set(li, part, text) {
  setText(/** @type {Element} */ (li.querySelector(part)), text);
}
