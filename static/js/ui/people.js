// Who is here, as a list; and for clinicians who waits to come in, with the button that lets them.

import { box, button, el, keyed, setText } from "./dom.js";

/** @import {Room} from "../room.js" */
/** @import {Member} from "../protocol.js" */
/** @import {Words} from "../i18n.js" */

export class People {
  #words;
  #admit;

  /** @param {Words} words @param {(member: string) => void} admit */
  constructor(words, admit) {
    this.#words = words;
    this.#admit = admit;
  }

  /** @param {Room} room @param {{microphone: boolean, camera: boolean}} media mine @param {number} now milliseconds */
  show(room, media, now) {
    const words = this.#words;
    const me = { ...room.you, name: words.t("people.you", { name: room.you.name }), media };
    keyed(
      box("people-list"),
      [me, ...room.others],
      (each) => each.id,
      () => el("li", {}, el("strong", {}), el("span", { class: "small soft" })),
      (li, each) => {
        setText(/** @type {Element} */ (li.firstElementChild), each.name);
        const states = [
          words.has(`role.${each.role}`) ? words.t(`role.${each.role}`) : "",
          room.speaking.includes(each.id) && each.media.microphone ? words.t("visit.speaking") : "",
          each.media.microphone ? "" : words.t("visit.muted"),
          each.media.camera ? "" : words.t("visit.camera_off"),
        ];
        setText(/** @type {Element} */ (li.lastElementChild), states.filter(Boolean).join(" · "));
      },
    );
    this.#showWaiting(room, now);
  }

  /** @param {Room} room @param {number} now */
  #showWaiting(room, now) {
    const words = this.#words;
    const waiting = room.may.has("admit") ? room.waiting : [];
    const place = box("knocking");
    place.hidden = waiting.length === 0;
    if (!place.firstChild) place.append(el("h2", { "data-t": "knocking.title" }, words.t("knocking.title")), el("ul", {}));
    keyed(
      /** @type {Element} */ (place.lastElementChild),
      waiting,
      (each) => each.id,
      (each) => this.#knocker(each),
      (li, each) => {
        const minutes = Math.floor((now - Date.parse(each.since)) / 60_000);
        const since = minutes < 1 ? words.t("knocking.since_now") : words.t("knocking.since", { time: words.span(minutes * 60_000) });
        setText(/** @type {Element} */ (li.querySelector(".since")), since);
        const role = words.has(`role.${each.role}`) ? `${words.t(`role.${each.role}`)} · ` : "";
        setText(/** @type {Element} */ (li.querySelector(".role")), role);
        setText(/** @type {Element} */ (li.querySelector("button")), words.t("knocking.admit", { name: each.name }));
      },
    );
  }

  /** @param {Member} member */
  #knocker(member) {
    const admit = el("button", { type: "button", class: "button primary" });
    admit.addEventListener("click", () => {
      this.#admit(member.id);
      button("open-people").focus(); // this row is about to go; the focus must not fall off the page
    });
    const line = el("span", { class: "small" }, el("span", { class: "role" }), el("span", { class: "since" }));
    return el("li", {}, el("span", { class: "who" }, el("strong", {}, member.name), line), admit);
  }
}
