// The dialog "Devices and view": what is seen, how much of the line it takes, which devices, which language. The windows that a browser can open
// for pictures are here, too: full screen, and a small one that stays on top.

import { box, button, byId, el, setText } from "./dom.js";
import { DeviceChoices } from "./choices.js";
import { addChooser } from "./languages.js";

/** @import {DataUse} from "../encodings.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Language} from "../language.js" */
/** @import {PictureInPicture} from "./pip.js" */
/** @import {Switch, ViewChoices} from "./view.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{use: (data: DataUse) => void, switched: () => void}} Acts switched: something about the view was changed */

/** @type {DataUse[]} */
const uses = ["full", "low", "audio"];
/** @type {Switch[]} */
const switches = ["self", "captions"];

export class Settings {
  #words;
  #choices;
  #pip;
  #acts;
  #dialog = byId("view-dialog", HTMLDialogElement);
  #devices;

  /**
   * @param {{words: Words, language: Language, devices: Devices, choices: ViewChoices, pip: PictureInPicture}} parts
   * @param {Acts} acts
   */
  constructor({ words, language, devices, choices, pip }, acts) {
    this.#words = words;
    this.#choices = choices;
    this.#pip = pip;
    this.#acts = acts;
    this.#devices = new DeviceChoices(words, devices, box("view-devices"), "view");
    addChooser(language, box("view-language"));
    box("view-data").append(...uses.map((data) => this.#radio(data)));
    box("view-switches").append(...switches.map((name) => this.#switch(name)));
    button("open-view").addEventListener("click", () => {
      void devices.look();
      this.#dialog.showModal();
      box("view-title").focus();
    });
    this.#dialog.querySelector(".close")?.addEventListener("click", () => this.#dialog.close());
    button("view-full").addEventListener("click", () => void this.#fullScreen());
    button("view-pip").addEventListener("click", () => void pip.toggle());
    document.addEventListener("fullscreenchange", () => acts.switched());
  }

  /** @param {DataUse} data */
  show(data) {
    const words = this.#words;
    const full = document.fullscreenElement !== null;
    button("view-full").hidden = !document.fullscreenEnabled;
    setText(button("view-full"), words.t(full ? "view.full_off" : "view.full"));
    button("view-pip").hidden = !this.#pip.can;
    setText(button("view-pip"), words.t(this.#pip.on ? "view.pip_off" : "view.pip"));
    for (const use of uses) byId(`view-data-${use}`, HTMLInputElement).checked = use === data;
    for (const name of switches) byId(`view-${name}`, HTMLInputElement).checked = this.#choices[name];
    this.#devices.show();
  }

  async #fullScreen() {
    // The whole page: dialogs, banners and toasts stay to be seen.
    if (document.fullscreenElement) await document.exitFullscreen().catch(() => undefined);
    else await document.documentElement.requestFullscreen().catch(() => undefined);
    this.#dialog.close();
  }

  /** @param {DataUse} data */
  #radio(data) {
    const input = el("input", { type: "radio", name: "view-data", id: `view-data-${data}`, value: data });
    input.addEventListener("change", () => this.#acts.use(data));
    return this.#labelled(input, `view.data_${data}`);
  }

  /** @param {Switch} name */
  #switch(name) {
    const input = el("input", { type: "checkbox", id: `view-${name}` });
    input.addEventListener("change", () => {
      this.#choices.set(name, input.checked);
      this.#acts.switched();
    });
    return this.#labelled(input, `view.${name}`);
  }

  /** @param {HTMLInputElement} input @param {string} key */
  #labelled(input, key) {
    return el("div", { class: "switch" }, input, el("label", { for: input.id, "data-t": key }, this.#words.t(key)));
  }
}
