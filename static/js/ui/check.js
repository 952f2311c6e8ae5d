// The screen before joining: who and when, one large button, and, for those who want it, a look at camera and microphone first.

import { box, button, byId, el, icon, setText } from "./dom.js";
import { browserOf, explain } from "./faults.js";
import { canMeasure, Meter } from "./meter.js";
import { Preview } from "./preview.js";

/** @import {Devices} from "../devices.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{join: () => void, speaker: (id: string) => void}} Acts */

export class Check {
  #words;
  #devices;
  #acts;
  #preview;
  #meter;
  #asked = false;
  /** Whether the person saw what is wrong and joins all the same. */
  #without = false;
  #fault = "";
  #metering = false;

  /** @param {Words} words @param {Devices} devices @param {Acts} acts */
  constructor(words, devices, acts) {
    this.#words = words;
    this.#devices = devices;
    this.#acts = acts;
    this.#preview = new Preview(words, devices, box("check-preview"));
    this.#meter = new Meter(words, box("check-meter"));
    button("join").addEventListener("click", () => acts.join());
    button("check-open").addEventListener("click", () => void this.open(true));
    for (const source of /** @type {const} */ (["microphone", "camera"])) {
      const select = byId(`choose-${source}`, HTMLSelectElement);
      select.addEventListener("change", () => void devices.choose(source, select.value));
    }
    const speaker = byId("choose-speaker", HTMLSelectElement);
    speaker.addEventListener("change", () => acts.speaker(speaker.value));
    words.follow(() => this.#again());
  }

  /** Says everything anew, in another language. */
  #again() {
    if (!this.#visit) return;
    this.#describe(this.#visit, Date.now());
    this.#fault = "";
    for (const id of ["camera", "microphone", "speaker"]) delete byId(`choose-${id}`, HTMLSelectElement).dataset.seen;
    if (!box("check-preview").closest("[hidden]")) this.show();
  }

  /** @type {VisitSeen | null} */
  #visit = null;

  /** @param {VisitSeen} visit @param {number} now milliseconds */
  describe(visit, now) {
    this.#visit = visit;
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
    const clinician = visit.you.role === "clinician";
    box("join-note").dataset.t = clinician ? "check.clinician" : "check.private";
  }

  /** Shows the preview at once where nothing needs to be asked. */
  async arrive() {
    this.#without = false;
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
    this.#metering = tapped || canMeasure(this.#devices.list);
    this.show();
    button("check-open").textContent = this.#words.t("check.open");
    const fine = this.#without || !explain(this.#devices.faults, "");
    if (!fine) box("check-faults").focus();
    return fine;
  }

  /** Joining without the meter: it is not needed, and costs time. */
  async ready() {
    await this.#devices.open();
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
    setText(box("join-words"), this.#words.t(on ? "check.joining" : "check.join"));
  }

  /** @param {string} key what keeps us from joining, "" for nothing */
  trouble(key) {
    setText(box("join-note"), this.#words.t(key || (box("join-note").dataset.t ?? "check.private")));
  }

  show() {
    this.#preview.show(this.#asked);
    button("check-open").hidden = this.#asked || !this.#devices.canSend;
    const { microphone, media } = this.#devices;
    box("check-meter").hidden = !(this.#metering && microphone);
    this.#meter.follow(this.#metering ? microphone : null, !media.microphone);
    this.#showChoices();
    this.#showFaults();
  }

  /** Lets go of picture and meter. */
  hide() {
    this.#preview.hide();
    this.#meter.stop();
  }

  #showChoices() {
    const { list, chosen, microphone, camera } = this.#devices;
    const current = { microphone: microphone?.getSettings().deviceId ?? "", camera: camera?.getSettings().deviceId ?? "" };
    /** @param {string} id @param {MediaDeviceKind} kind @param {string} value */
    const fill = (id, kind, value) => {
      const select = byId(id, HTMLSelectElement);
      const devices = list.filter((each) => each.kind === kind && each.deviceId !== "");
      const seen = devices.map((each) => each.deviceId + each.label).join();
      if (select.dataset.seen !== seen) {
        select.dataset.seen = seen;
        select.replaceChildren(...devices.map((each, i) => el("option", { value: each.deviceId }, each.label || this.#words.t("check.unnamed", { number: i + 1 }))));
        if (kind === "audiooutput") select.prepend(el("option", { value: "" }, this.#words.t("check.default")));
      }
      if (value && kind !== "audiooutput") select.value = value;
      const field = select.closest(".field");
      const few = kind === "audiooutput" ? devices.length === 0 || !("setSinkId" in HTMLMediaElement.prototype) : devices.length < 2;
      if (field instanceof HTMLElement) field.hidden = few;
      return !few;
    };
    const any = [
      fill("choose-camera", "videoinput", chosen.camera || current.camera),
      fill("choose-microphone", "audioinput", chosen.microphone || current.microphone),
      fill("choose-speaker", "audiooutput", ""),
    ];
    box("check-choices").hidden = !this.#asked || !this.#devices.canSend || !any.includes(true);
  }

  #showFaults() {
    const explained = this.#without ? null : explain(this.#devices.faults, browserOf(navigator.userAgent, navigator.maxTouchPoints));
    const key = explained ? explained.title + explained.help : "";
    if (key === this.#fault) return;
    this.#fault = key;
    const place = box("check-faults");
    if (!explained) return place.replaceChildren();
    const words = this.#words;
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
        el("p", { class: "small" }, words.t("fault.can_listen")),
        el("div", { class: "row" }, again, without),
      ),
    );
  }
}
