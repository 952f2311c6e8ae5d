// The choice of camera, microphone and speaker, where there is one.

import { el, setText } from "./dom.js";

/** @import {Devices} from "../devices.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {"camera" | "microphone" | "speaker"} Kind */

/** As the browser calls them. @type {Record<Kind, MediaDeviceKind>} */
const kinds = { camera: "videoinput", microphone: "audioinput", speaker: "audiooutput" };

export class DeviceChoices {
  #words;
  #devices;
  /** @type {Map<Kind, HTMLSelectElement>} */
  #selects = new Map();

  /** @param {Words} words @param {Devices} devices @param {HTMLElement} place @param {string} prefix of the fields' ids */
  constructor(words, devices, place, prefix) {
    this.#words = words;
    this.#devices = devices;
    for (const kind of /** @type {Kind[]} */ (["camera", "microphone", "speaker"])) {
      const select = el("select", { id: `${prefix}-${kind}` });
      select.addEventListener("change", () => {
        if (kind === "speaker") devices.chooseSpeaker(select.value);
        else void devices.choose(kind, select.value);
      });
      const key = `check.${kind}`;
      place.append(el("div", { class: "field" }, el("label", { for: select.id, "data-t": key }, words.t(key)), select));
      this.#selects.set(kind, select);
    }
  }

  /** @returns {boolean} whether there is anything to choose */
  show() {
    const { chosen, microphone, camera, canSend } = this.#devices;
    const current = { microphone: microphone?.getSettings().deviceId ?? "", camera: camera?.getSettings().deviceId ?? "" };
    const any = [
      canSend && this.#fill("camera", chosen.camera || current.camera),
      canSend && this.#fill("microphone", chosen.microphone || current.microphone),
      this.#fill("speaker", chosen.speaker),
    ];
    return any.includes(true);
  }

  /** @param {Kind} kind @param {string} value @returns {boolean} whether there are two at least */
  #fill(kind, value) {
    const words = this.#words;
    const select = /** @type {HTMLSelectElement} */ (this.#selects.get(kind));
    const devices = this.#devices.list.filter((each) => each.kind === kinds[kind] && each.deviceId !== "");
    const seen = devices.map((each) => each.deviceId + each.label).join();
    if (select.dataset.seen !== seen) {
      select.dataset.seen = seen;
      select.replaceChildren(...devices.map((each) => el("option", { value: each.deviceId })));
      if (kind === "speaker") select.prepend(el("option", { value: "" }));
    }
    devices.forEach((each, i) => {
      const option = [...select.options].find(({ value }) => value === each.deviceId);
      if (option) setText(option, each.label || words.t("check.unnamed", { number: i + 1 }));
    });
    if (kind === "speaker") setText(select.options[0], words.t("check.default"));
    if (value || kind === "speaker") select.value = value;
    const few = kind === "speaker" ? devices.length === 0 || !("setSinkId" in HTMLMediaElement.prototype) : devices.length < 2;
    const field = select.closest(".field");
    if (field instanceof HTMLElement) field.hidden = few;
    return !few;
  }
}
