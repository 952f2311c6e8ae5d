// The control that shows my screen to the visit, and stops showing it. The screen itself is screen.js's.

import { button, el, icon } from "./dom.js";

/** @import {Attendance} from "../attendance.js" */
/** @import {Live} from "./live.js" */
/** @import {Words} from "../i18n.js" */

export class Share {
  #words;
  #live;
  #attendance;
  /** What the control says now, and what was said last of why a screen is shown no more. */
  #name = "";
  #said = "";

  /** @param {Words} words @param {Live} live @param {() => Attendance | null} attendance */
  constructor(words, live, attendance) {
    this.#words = words;
    this.#live = live;
    this.#attendance = attendance;
    button("share").addEventListener("click", () => void attendance()?.share(!attendance()?.screen.on));
  }

  /** @returns {boolean} whether my screen is shown */
  show() {
    const attendance = this.#attendance();
    if (!attendance) return false;
    const { on, fault, stopped } = attendance.screen;
    const words = this.#words;
    button("share").hidden = !attendance.canShare;
    const name = words.t(on ? "share.stop" : "share.start");
    if (name !== this.#name) {
      this.#name = name;
      button("share").setAttribute("aria-label", name);
      button("share").classList.toggle("on", on);
      button("share").replaceChildren(icon(on ? "screen-off" : "screen"), el("span", {}, words.t(on ? "share.stop_short" : "share.start_short")));
    }
    const say = fault ? "share.fault" : stopped === "taken" ? "share.taken" : "";
    if (say !== this.#said && say) this.#live.toast(words.t(say));
    this.#said = say;
    return on;
  }
}
