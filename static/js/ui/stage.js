// The visit's pictures: a tile for everybody with name, speaking ring and mute sign, and one for a shared screen; laid out by layout.js, the
// slots' videos placed under them. Videos never move in the document (that would stop them); only their boxes change.

import { arrange, mainOf } from "../arrange.js";
import { layout, pictureBox, plateEnd } from "../layout.js";
import { box, button, el, icon, keyed, setText } from "./dom.js";
import { canFlip, showTrack } from "./preview.js";

/** @import {Arranged, Item} from "../arrange.js" */
/** @import {DataUse} from "../encodings.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Rect} from "../layout.js" */
/** @import {Room} from "../room.js" */
/** @import {SlotViews} from "./slotviews.js" */
/** @import {ViewChoices} from "./view.js" */
/** @import {Words} from "../i18n.js" */

/** What a tile says. `source` is empty for my own.
 * @typedef {{key: string, id: string, name: string, title: string, source: "" | "camera" | "screen", muted: boolean, speaking: boolean,
 *   away: boolean, line: string, note: string, urgent: boolean}} Shown */

export class Stage {
  /** Whom the person chose to see large, "" for nobody. */
  pinned = "";

  #words;
  #devices;
  #views;
  #choices;
  #room;
  #data;
  /** Who spoke last of the others. */
  #speaker = "";
  #video = el("video", { class: "picture own", muted: true, playsinline: true, autoplay: true, "aria-hidden": "true" });

  /**
   * @param {Words} words
   * @param {Devices} devices
   * @param {SlotViews} views
   * @param {ViewChoices} choices
   * @param {() => Room} room
   * @param {() => DataUse} data how much of the line the visit may use
   */
  constructor(words, devices, views, choices, room, data) {
    this.#words = words;
    this.#devices = devices;
    this.#views = views;
    this.#choices = choices;
    this.#room = room;
    this.#data = data;
    this.#video.muted = true;
    this.#video.addEventListener("resize", () => this.place());
    box("stage").append(this.#video);
    button("hear").addEventListener("click", () => views.hear());
    new ResizeObserver(() => this.place()).observe(box("stage"));
  }

  show() {
    const room = this.#room();
    const { media, camera, mirrored } = this.#devices;
    this.#speaker = room.speaking.find((id) => room.members.has(id)) ?? this.#speaker;
    const { items } = this.#arranged(room);
    this.#views.show(room);
    showTrack(this.#video, this.#choices.self ? camera : null, mirrored);
    const tiles = items.map((item) => this.#shown(item, room));
    if (this.#choices.self) tiles.push(this.#me(room, media.microphone));
    keyed(box("tiles"), tiles, (each) => each.key, (each) => this.#make(each), (tile, each) => this.#fill(tile, each));
    const alone = box("alone");
    alone.hidden = items.length > 0;
    setText(alone, this.#words.t("visit.alone"));
    button("hear").hidden = !this.#views.blocked;
    this.place();
  }

  /** Lets go of my own picture, and of what was chosen in this visit. */
  hide() {
    showTrack(this.#video, null, false);
    this.pinned = this.#speaker = "";
  }

  /** The one picture to show where there is room for no more. @returns {HTMLVideoElement | null} */
  main() {
    const item = mainOf(this.#arranged(this.#room()), this.#speaker);
    const picture = item && this.#views.of(item.member.id, item.source);
    return picture && !picture.blank ? picture.element : null;
  }

  /** Gives every tile and every video its box. */
  place() {
    const stage = box("stage");
    const room = this.#room();
    if (stage.clientWidth === 0 || room.place !== "visit") return;
    const { items, large, screen } = this.#arranged(room);
    const wish = { large, screen, self: this.#choices.self };
    const { tiles, self, corner } = layout(items.length, stage.clientWidth, stage.clientHeight, this.#words.direction, wish);
    stage.classList.toggle("one", items.length === 1 && !screen);
    items.forEach(({ key, member, source }, i) => {
      const tile = tileOf(key);
      setBox(tile, tiles[i]);
      tile?.classList.toggle("small", large > 0 && i >= large);
      tile?.style.setProperty("--plate-end", `${self && corner ? plateEnd(tiles[i], self, this.#words.direction) : tiles[i].width}px`);
      const picture = this.#views.of(member.id, source)?.element;
      if (!picture) return;
      picture.classList.toggle("whole", source === "screen");
      setBox(picture, source === "screen" ? tiles[i] : pictureBox(tiles[i], picture.videoWidth / picture.videoHeight));
    });
    if (!self) return;
    const own = tileOf(room.you.id);
    own?.classList.toggle("corner", corner);
    own?.classList.toggle("small", large > 0);
    setBox(own, self);
    this.#video.classList.toggle("corner", corner);
    setBox(this.#video, corner ? self : pictureBox(self, this.#video.videoWidth / this.#video.videoHeight));
  }

  /** @param {Room} room @returns {Arranged} */
  #arranged(room) {
    return arrange(room.others, this.#speaker, this.pinned, this.#data());
  }

  /** @param {Item} item @param {Room} room @returns {Shown} */
  #shown({ key, member, source }, room) {
    const words = this.#words;
    const { id, name, away, line } = member;
    const speaking = room.speaking.includes(id) && !away;
    const common = { key, id, source, away, line: source === "camera" && !away ? line : "" };
    if (source === "screen") return { ...common, name: words.t("visit.screen_of", { name }), title: name, muted: false, speaking: false, note: "", urgent: false };
    const note = member.hearing ? words.t(`hearing.${member.hearing}`) : "";
    return { ...common, name, title: name, muted: !member.media.microphone && !away, speaking, note, urgent: member.hearing === "signal" };
  }

  /** @param {Room} room @param {boolean} microphone @returns {Shown} */
  #me(room, microphone) {
    const { id, name } = room.you;
    const speaking = room.speaking.includes(id) && microphone;
    return { key: id, id, source: "", name: this.#words.t("visit.you"), title: name, muted: !microphone, speaking, away: false, line: "", note: "", urgent: false };
  }

  /** @param {Shown} each */
  #make(each) {
    const own = each.source === "";
    const tile = el("li", { class: own ? "tile own" : "tile", "data-member": each.id, "data-source": each.source || "camera" });
    const line = el("span", { class: "line-sign", hidden: true }, icon("line"), el("span", { class: "visually-hidden" }));
    tile.append(
      el("span", { class: "cover" }, el("span", { class: "initials", "aria-hidden": "true" }), el("span", { class: "cover-word" })),
      el("span", { class: "plate" }, el("span", { class: "muted-sign" }), line, el("span", { class: "name", dir: "auto" }), el("span", { class: "note" }), el("span", { class: "state" })),
    );
    if (own) {
      const flip = el("button", { type: "button", class: "flip", "data-t-label": "camera.flip", "aria-label": this.#words.t("camera.flip") }, icon("flip"));
      flip.addEventListener("click", () => void this.#devices.flip());
      tile.append(flip);
    }
    return tile;
  }

  /** @param {HTMLElement} tile @param {Shown} each */
  #fill(tile, each) {
    const words = this.#words;
    const picture = each.source === "" ? null : this.#views.of(each.id, each.source);
    const bare = each.source === "" ? !this.#devices.camera : (picture?.blank ?? true) || this.#data() === "audio";
    // Who has lost only the websocket is seen and heard all the while: the cover comes when the picture stands still.
    const still = each.away && (picture?.still ?? true);
    tile.classList.toggle("bare", bare || still);
    tile.classList.toggle("away", each.away);
    tile.classList.toggle("speaking", each.speaking);
    tile.classList.toggle("muted", each.muted);
    set(tile, ".initials", initials(each.title));
    set(tile, ".cover-word", each.away && (bare || still) ? words.t("visit.away") : "");
    set(tile, ".name", each.name);
    set(tile, ".note", each.note);
    tile.querySelector(".note")?.classList.toggle("urgent", each.urgent);
    // "Speaking" is seen and read; that somebody's camera is off is read only: the tile shows it.
    const state = each.speaking ? "visit.speaking" : each.away && !bare && !still ? "visit.away" : "";
    set(tile, ".state", state && words.t(state));
    const sign = /** @type {HTMLElement} */ (tile.querySelector(".muted-sign"));
    if (sign.hidden === each.muted || !sign.firstChild) {
      sign.hidden = !each.muted;
      sign.replaceChildren(icon("microphone-off"), el("span", { class: "visually-hidden", "data-t": "visit.muted" }, words.t("visit.muted")));
    }
    const poor = each.line === "weak" || each.line === "bad";
    /** @type {HTMLElement} */ (tile.querySelector(".line-sign")).hidden = !poor;
    set(tile, ".line-sign .visually-hidden", poor ? words.t("people.line_weak") : "");
    const flip = tile.querySelector(".flip");
    if (flip instanceof HTMLElement) flip.hidden = !canFlip(this.#devices.camera, this.#devices.cameras.length);
  }
}

/** @param {string} key */
function tileOf(key) {
  const found = [...box("tiles").children].find((tile) => tile instanceof HTMLElement && tile.dataset.key === key);
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
