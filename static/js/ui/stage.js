// The visit's pictures: a tile for everybody with name, speaking ring and mute sign, laid out by layout.js, the slots' videos placed under them.
// Videos never move in the document (that would stop them); only their boxes change.

import { box, button, el, icon, keyed, setText } from "./dom.js";
import { layout, pictureBox, plateEnd } from "../layout.js";
import { canFlip, showTrack } from "./preview.js";

/** @import {Devices} from "../devices.js" */
/** @import {Rect} from "../layout.js" */
/** @import {Member} from "../protocol.js" */
/** @import {Room} from "../room.js" */
/** @import {SlotViews} from "./slotviews.js" */
/** @import {Words} from "../i18n.js" */

/** @typedef {{id: string, name: string, own: boolean, microphone: boolean, camera: boolean, speaking: boolean}} Shown */

export class Stage {
  #words;
  #devices;
  #views;
  #room;
  #video = el("video", { class: "picture own", muted: true, playsinline: true, autoplay: true, "aria-hidden": "true" });

  /** @param {Words} words @param {Devices} devices @param {SlotViews} views @param {() => Room} room */
  constructor(words, devices, views, room) {
    this.#words = words;
    this.#devices = devices;
    this.#views = views;
    this.#room = room;
    this.#video.muted = true;
    this.#video.addEventListener("resize", () => this.place());
    box("stage").append(this.#video);
    button("hear").addEventListener("click", () => views.hear());
    new ResizeObserver(() => this.place()).observe(box("stage"));
  }

  show() {
    const room = this.#room();
    const { media, camera, mirrored } = this.#devices;
    this.#views.show(room);
    showTrack(this.#video, camera, mirrored);
    const others = room.others.map((member) => shown(member, room));
    /** @type {Shown} */
    const me = { id: room.you.id, name: room.you.name, own: true, ...media, speaking: room.speaking.includes(room.you.id) && media.microphone };
    keyed(box("tiles"), [...others, me], (each) => each.id, (each) => this.#make(each), (tile, each) => this.#fill(tile, each));
    const alone = box("alone");
    alone.hidden = others.length > 0;
    setText(alone, this.#words.t("visit.alone"));
    button("hear").hidden = !this.#views.blocked;
    this.place();
  }

  /** Lets go of my own picture. */
  hide() {
    showTrack(this.#video, null, false);
  }

  /** Gives every tile and every video its box. */
  place() {
    const stage = box("stage");
    const room = this.#room();
    if (stage.clientWidth === 0 || room.place !== "visit") return;
    const others = room.others;
    const { tiles, self, corner } = layout(others.length, stage.clientWidth, stage.clientHeight, this.#words.direction);
    stage.classList.toggle("one", others.length === 1);
    others.forEach((member, i) => {
      const tile = tileOf(member.id);
      setBox(tile, tiles[i]);
      tile?.style.setProperty("--plate-end", `${corner ? plateEnd(tiles[i], self, this.#words.direction) : tiles[i].width}px`);
      const picture = this.#views.of(member.id)?.element;
      if (picture) setBox(picture, pictureBox(tiles[i], picture.videoWidth / picture.videoHeight));
    });
    const own = tileOf(room.you.id);
    own?.classList.toggle("corner", corner);
    setBox(own, self);
    this.#video.classList.toggle("corner", corner);
    const aspect = this.#video.videoWidth / this.#video.videoHeight;
    setBox(this.#video, corner ? self : pictureBox(self, aspect));
  }

  /** @param {Shown} each */
  #make(each) {
    const tile = el("li", { class: each.own ? "tile own" : "tile", "data-member": each.id });
    tile.append(
      el("span", { class: "cover", "aria-hidden": "true" }, el("span", { class: "initials" })),
      el("span", { class: "plate" }, el("span", { class: "muted-sign" }), el("span", { class: "name" }), el("span", { class: "state" })),
    );
    if (each.own) {
      const flip = el("button", { type: "button", class: "flip", "data-t-label": "camera.flip", "aria-label": this.#words.t("camera.flip") }, icon("flip"));
      flip.addEventListener("click", () => void this.#devices.flip());
      tile.append(flip);
    }
    return tile;
  }

  /** @param {HTMLElement} tile @param {Shown} each */
  #fill(tile, each) {
    const words = this.#words;
    const bare = each.own ? !this.#devices.camera : (this.#views.of(each.id)?.blank ?? true);
    tile.classList.toggle("bare", bare);
    tile.classList.toggle("speaking", each.speaking);
    tile.classList.toggle("muted", !each.microphone);
    set(tile, ".initials", initials(each.name));
    set(tile, ".name", each.own ? words.t("visit.you") : each.name);
    // "Speaking" is seen and read; that somebody's camera is off is read only: the tile shows it.
    set(tile, ".state", each.speaking ? words.t("visit.speaking") : "");
    const sign = /** @type {HTMLElement} */ (tile.querySelector(".muted-sign"));
    if (sign.hidden !== each.microphone || !sign.firstChild) {
      sign.hidden = each.microphone;
      sign.replaceChildren(icon("microphone-off"), el("span", { class: "visually-hidden", "data-t": "visit.muted" }, words.t("visit.muted")));
    }
    const flip = tile.querySelector(".flip");
    if (flip instanceof HTMLElement) flip.hidden = !canFlip(this.#devices.camera, this.#devices.cameras.length);
  }
}

/** @param {Member} member @param {Room} room @returns {Shown} */
function shown(member, room) {
  return { id: member.id, name: member.name, own: false, ...member.media, speaking: room.speaking.includes(member.id) };
}

/** @param {string} id */
function tileOf(id) {
  const found = [...box("tiles").children].find((tile) => tile instanceof HTMLElement && tile.dataset.key === id);
  return found instanceof HTMLElement ? found : undefined;
}

/** @param {HTMLElement} tile @param {string} part @param {string} text */
function set(tile, part, text) {
  const found = tile.querySelector(part);
  if (found) setText(found, text);
}

/** @param {HTMLElement | undefined} element @param {Rect} rect */
function setBox(element, { left, top, width, height }) {
  if (!element) return;
  element.style.left = `${left}px`; // no transform: it would lift the name plate out of the order of layers
  element.style.top = `${top}px`;
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
}

/** Two letters that stand for a name, leaving out titles. @param {string} name */
export function initials(name) {
  const parts = name.split(/\s+/).filter((part) => /^\p{L}/u.test(part) && !part.endsWith("."));
  const chosen = parts.length > 1 ? [parts[0], parts[parts.length - 1]] : parts;
  return chosen.map((part) => [...part][0].toLocaleUpperCase()).join("");
}
