// The screen before joining: who and when, one large button, and, for those who want it, a look at camera and microphone first.

import { copyLink } from "./copylink.js";
import { DeviceChoices } from "./choices.js";
import { box, button, el, icon, setText } from "./dom.js";
import { browserOf, explain } from "./faults.js";
import { canMeasure } from "./meter.js";
import { phoneLine } from "./phone.js";
import { Preview } from "./preview.js";

/** @import {Checks} from "./checks.js" */
/** @import {Devices} from "../devices.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{join: () => void, joinWithSound: () => void, link: () => string}} Acts `link`: this page's own, to be
 * opened elsewhere, "" where it is not known any more */

export class Check {
  #words;
  #devices;
  #acts;
  #checks;
  #preview;
  #phone = "";
  #asked = false;
  /** Whether the person saw what is wrong and joins all the same. */
  #without = false;
  #fault = "";
  #choices;
  /** Days before the visit: nobody joins, and the button says that the check is done. */
  early = false;

  /** @param {Words} words @param {Devices} devices @param {Checks} checks @param {Acts} acts */
  constructor(words, devices, checks, acts) {
    this.#words = words;
    this.#devices = devices;
    this.#acts = acts;
    this.#checks = checks;
    this.#preview = new Preview(words, devices, box("check-preview"));
    button("join").addEventListener("click", () => acts.join());
    button("join-sound").addEventListener("click", () => acts.joinWithSound());
    button("check-open").addEventListener("click", () => void this.open(true));
    this.#choices = new DeviceChoices(words, devices, box("check-choices"), "choose");
    words.follow(() => this.#again());
  }

  /** Says everything anew, in another language. */
  #again() {
    if (!this.#visit) return;
    this.#describe(this.#visit, Date.now());
    this.#fault = "";
    if (!box("check-preview").closest("[hidden]")) this.show();
  }

  /** @type {VisitSeen | null} */
  #visit = null;

  /** @param {VisitSeen} visit @param {number} now milliseconds */
  describe(visit, now) {
    this.#visit = visit;
    this.#phone = visit.phone ?? "";
    this.#checks.line.phone = this.#phone;
    this.#describe(visit, now);
    this.trouble("");
  }

  /** @param {VisitSeen} visit @param {number} now milliseconds */
  #describe(visit, now) {
    const words = this.#words;
    const [start, end] = [Date.parse(visit.starts_at), Date.parse(visit.ends_at)];
    box("check-title").textContent = words.t("check.title", { service: visit.service });
    box("check-when").textContent = words.t("check.when", { start: words.sentence(words.moment(start, now)), end: words.time(end) });
    box("check-who").textContent = words.t("check.who", { name: visit.you.name });
    setText(box("join-words"), words.t(this.early ? "early.done" : "check.join"));
    if (this.early) box("check-title").textContent = words.t("early.title");
    box("check-wall").textContent = words.t(this.early ? "early.wall" : visit.you.role === "clinician" ? "check.clinician" : "check.private");
  }

  /** Shows the preview at once where nothing needs to be asked, and tries the connection meanwhile. */
  async arrive() {
    this.#without = this.#asked = false;
    this.#checks.devices(false, false);
    void this.#checks.line.start();
    if (await this.#devices.allowed()) await this.open(false);
  }

  /**
   * Opens what is wanted.
   * @param {boolean} tapped in a tap of the person's
   * @returns {Promise<boolean>} whether all of it is there, or the person goes without
   */
  async open(tapped) {
    button("check-open").textContent = this.#words.t("check.opening");
    await this.#devices.open();
    this.#asked = true;
    this.#checks.devices(true, tapped || canMeasure(this.#devices.list));
    this.show();
    button("check-open").textContent = this.#words.t("check.open");
    const fine = this.#without || !explain(this.#devices.faults, "");
    if (!fine) box("check-faults").focus();
    return fine;
  }

  /** Joining without beginning to measure the microphone: it is not needed, and costs time. */
  async ready() {
    await this.#devices.open();
    if (!this.#asked) this.#checks.devices(true, false);
    this.#asked = true;
    this.show();
    const fine = this.#without || !explain(this.#devices.faults, "");
    if (!fine) box("check-faults").focus();
    return fine;
  }

  /** @param {boolean} on while the connection is being made */
  busy(on) {
    button("join").setAttribute("aria-disabled", String(on));
    button("join").setAttribute("aria-busy", String(on));
    setText(box("join-words"), this.#words.t(this.early ? (on ? "early.sending" : "early.done") : on ? "check.joining" : "check.join"));
    button("join-sound").hidden = on || this.early || !this.#devices.canSend;
  }

  /** @param {string} key what keeps us from joining, "" for nothing @param {boolean} [long] whether it has for so long that a call may be better */
  trouble(key, long = false) {
    setText(box("join-note"), key && this.#words.t(key));
    const place = box("join-phone");
    if (!long) place.replaceChildren();
    else if (!place.firstChild) place.append(...phoneLine(this.#words, this.#phone));
  }

  show() {
    this.#preview.show(this.#asked);
    button("check-open").hidden = this.#asked || !this.#devices.canSend;
    button("join-sound").hidden = this.early || !this.#devices.canSend || button("join").getAttribute("aria-busy") === "true";
    this.#checks.place(box("check-works"), box("check-line"));
    this.#checks.show();
    const any = this.#choices.show();
    box("check-choices").hidden = !this.#asked || !this.#devices.canSend || !any;
    this.#showFaults();
  }

  /** Lets go of the picture. */
  hide() {
    this.#preview.hide();
  }

  #showFaults() {
    const browser = browserOf(navigator.userAgent, navigator.maxTouchPoints);
    const explained = this.#without ? null : explain(this.#devices.faults, browser);
    const key = explained ? explained.title + explained.help : "";
    if (key === this.#fault) return;
    this.#fault = key;
    const place = box("check-faults");
    if (!explained) return place.replaceChildren();
    const words = this.#words;
    const link = browser === "in_app" ? this.#acts.link() : "";
    const again = el("button", { type: "button", class: "button" }, icon("camera"), words.t("action.again"));
    again.addEventListener("click", () => void this.open(true));
    const without = el("button", { type: "button", class: "button quiet" }, words.t(explained.without));
    without.addEventListener("click", () => {
      this.#without = true;
      for (const source of /** @type {const} */ (["microphone", "camera"])) {
        if (this.#devices.faults[source]) this.#devices.wanted[source] = false;
      }
      this.#acts.join();
    });
    place.replaceChildren(
      el(
        "div",
        { class: "notice warn", role: "alert" },
        el("h2", {}, words.t(explained.title)),
        el("p", {}, words.t(explained.help)),
        ...(link ? [copyLink(words, link)] : []),
        ...(this.early ? [] : [el("p", { class: "small" }, words.t("fault.can_listen"))]),
        el("div", { class: "row" }, again, ...(this.early ? [] : [without])),
      ),
    );
  }
}
