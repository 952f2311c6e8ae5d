// The two buttons that mute the microphone and turn off the camera, the same wherever they stand.

import { el, icon } from "./dom.js";

/** @import {Devices} from "../devices.js" */
/** @import {Words} from "../i18n.js" */

export class DeviceButtons {
  #words;
  #devices;
  #microphone = el("button", { type: "button", class: "control" });
  #camera = el("button", { type: "button", class: "control" });

  /** @param {Words} words @param {Devices} devices @param {HTMLElement} place */
  constructor(words, devices, place) {
    this.#words = words;
    this.#devices = devices;
    this.#microphone.addEventListener("click", () => void devices.setMicrophone(!devices.media.microphone));
    this.#camera.addEventListener("click", () => void devices.setCamera(!devices.media.camera));
    place.append(this.#microphone, this.#camera);
  }

  show() {
    const { microphone, camera } = this.#devices.media;
    this.#microphone.hidden = this.#camera.hidden = !this.#devices.canSend;
    const words = this.#words;
    fill(this.#microphone, microphone, "microphone", words.t(microphone ? "mute" : "unmute"), words.t(microphone ? "mute.short" : "unmute.short"));
    fill(this.#camera, camera, "camera", words.t(camera ? "camera.off" : "camera.on"), words.t(camera ? "camera.off.short" : "camera.on.short"));
  }
}

/** @param {HTMLButtonElement} button @param {boolean} on @param {string} sign @param {string} name @param {string} short */
function fill(button, on, sign, name, short) {
  if (button.getAttribute("aria-label") === name) return;
  button.setAttribute("aria-label", name);
  button.classList.toggle("off", !on);
  button.replaceChildren(icon(on ? sign : `${sign}-off`), el("span", {}, short));
}
