// The elements that play what the slots receive: one video and one audio element each, made in the tap that joins, so that phones let them
// play. It owns these elements. A picture is blank whenever its slot's entry changes, until the first new frame has come: browsers keep the
// last face on screen, and a face must never stand under another's name.

/** @import {Slot} from "../media.js" */
/** @import {Room} from "../room.js" */

/** `shows`: a member's id and a source, "" for nothing; `still`: no new frame for a while, of somebody whose connection is lost.
 * @typedef {{mid: string, element: HTMLVideoElement, shows: string, blank: boolean, still: boolean, frames: number, turn: number}} Picture */
/** @typedef {{mid: string, element: HTMLAudioElement}} Sound */

/** Elements made in the tap: nine others and a few to spare. */
const made = 12;
/** How often to look for a frame where the browser does not tell (milliseconds). */
const frameLook = 80;
/** A picture without a new frame for so long stands still (milliseconds). */
const stillAfter = 1000;

export class SlotViews {
  /** @type {Picture[]} */
  pictures = [];
  /** @type {Sound[]} */
  sounds = [];
  /** The browser plays no sound before another tap. */
  blocked = false;

  #place;
  #changed;
  #speaker = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;

  /** @param {HTMLElement} place where the videos lie @param {() => void} changed a picture came, went or changed its shape */
  constructor(place, changed) {
    this.#place = place;
    this.#changed = changed;
  }

  /** Makes the elements; called in a tap. */
  unlock() {
    while (this.pictures.length < made) this.#addPicture();
    while (this.sounds.length < made) this.#addSound();
    for (const { element } of [...this.pictures, ...this.sounds]) element.play().catch(() => undefined);
  }

  /** Gives the elements a new connection's tracks. Everything is blank until told otherwise. @param {Slot[]} slots */
  bind(slots) {
    const video = slots.filter((slot) => slot.kind === "video");
    const audio = slots.filter((slot) => slot.kind === "audio");
    while (this.pictures.length < video.length) this.#addPicture();
    while (this.sounds.length < audio.length) this.#addSound();
    this.pictures.forEach((picture, i) => {
      const mid = video[i]?.mid ?? "";
      if (picture.mid === mid && same(picture.element, video[i])) return;
      picture.mid = mid;
      picture.element.dataset.slotMid = mid;
      this.#point(picture, "");
      feed(picture.element, video[i]);
      if (mid) picture.element.play().catch(() => undefined); // muted: it plays once there is something to play
    });
    this.sounds.forEach((sound, i) => {
      sound.mid = audio[i]?.mid ?? "";
      sound.element.dataset.slotMid = sound.mid;
      if (same(sound.element, audio[i])) return;
      feed(sound.element, audio[i]);
      if (sound.mid) this.#play(sound.element);
    });
  }

  /** Points the pictures at whom the room says. @param {Room} room */
  show(room) {
    let away = false;
    for (const picture of this.pictures) {
      const entry = room.slots.get(picture.mid);
      const member = entry && room.members.get(entry.member);
      const shows = entry && member?.place === "visit" && showable(entry.source) && member.media[entry.source] ? keyOf(member.id, entry.source) : "";
      if (shows !== picture.shows) this.#point(picture, shows);
      if (shows && member?.away) away = true;
      else picture.still = false;
    }
    if (!away) clearInterval(this.#looking);
    if (away && !this.#watching) this.#looking = setInterval(() => this.#look(room), stillAfter);
    this.#watching = away;
  }

  #watching = false;

  /** Finds out which pictures of people whose connection is lost stand still. @param {Room} room */
  #look(room) {
    let changed = false;
    for (const picture of this.pictures) {
      const away = room.members.get(room.slots.get(picture.mid)?.member ?? "")?.away ?? false;
      const frames = picture.element.getVideoPlaybackQuality().totalVideoFrames;
      const still = away && frames === picture.frames;
      changed ||= still !== picture.still;
      picture.still = still;
      picture.frames = frames;
    }
    if (changed) this.#changed();
  }

  /** The picture of a member, if any. @param {string} member @param {"camera" | "screen"} [source] */
  of(member, source = "camera") {
    const shows = keyOf(member, source);
    return this.pictures.find((picture) => picture.shows === shows);
  }

  /** Plays the sound after all; called in a tap. */
  hear() {
    this.blocked = false;
    for (const { element, mid } of this.sounds) if (mid) this.#play(element);
    this.#changed();
  }

  /** @param {string} id of an audio output, "" for the default */
  speaker(id) {
    this.#speaker = id;
    for (const { element } of this.sounds) this.#sink(element);
  }

  /** Takes every track out. */
  clear() {
    this.bind([]);
  }

  /** @param {Picture} picture @param {string} shows "" for nothing */
  #point(picture, shows) {
    picture.shows = shows;
    picture.blank = true;
    picture.still = false;
    picture.element.dataset.blank = "";
    picture.element.hidden = shows === "";
    const turn = ++picture.turn;
    if (shows) {
      nextFrame(picture.element, () => turn === picture.turn, () => {
        picture.blank = false;
        delete picture.element.dataset.blank;
        this.#changed();
      });
    }
  }

  #addPicture() {
    const element = document.createElement("video");
    element.muted = true; // sound has elements of its own
    element.autoplay = element.playsInline = true;
    element.disablePictureInPicture = true;
    element.className = "picture";
    element.hidden = true;
    element.setAttribute("aria-hidden", "true");
    element.addEventListener("resize", this.#changed);
    this.#place.append(element);
    this.pictures.push({ mid: "", element, shows: "", blank: true, still: false, frames: 0, turn: 0 });
  }

  #addSound() {
    const element = document.createElement("audio");
    element.autoplay = true;
    this.#place.append(element);
    this.sounds.push({ mid: "", element });
    this.#sink(element);
  }

  /** @param {HTMLAudioElement} element */
  #play(element) {
    element.play().catch((error) => {
      if (error?.name !== "NotAllowedError" || this.blocked) return;
      this.blocked = true;
      this.#changed();
    });
  }

  /** @param {HTMLAudioElement} element */
  #sink(element) {
    if ("setSinkId" in element && element.sinkId !== this.#speaker) element.setSinkId(this.#speaker).catch(() => undefined);
  }
}

/** @param {string} member @param {"camera" | "screen"} source */
const keyOf = (member, source) => `${member} ${source}`;

/** @param {import("../protocol.js").Source} source @returns {source is "camera" | "screen"} */
const showable = (source) => source === "camera" || source === "screen";

/** @param {HTMLMediaElement} element @param {Slot | undefined} slot */
function same(element, slot) {
  const stream = element.srcObject;
  return (stream instanceof MediaStream ? stream.getTracks()[0] : undefined) === slot?.track;
}

/** @param {HTMLMediaElement} element @param {Slot | undefined} slot */
function feed(element, slot) {
  element.srcObject = slot ? new MediaStream([slot.track]) : null;
}

/**
 * Calls back when the next frame is on screen.
 * @param {HTMLVideoElement} video
 * @param {() => boolean} current whether anybody still waits for it
 * @param {() => void} come
 */
function nextFrame(video, current, come) {
  if ("requestVideoFrameCallback" in video) {
    video.requestVideoFrameCallback(() => current() && come());
    return;
  }
  const element = /** @type {HTMLVideoElement} */ (video);
  const before = element.getVideoPlaybackQuality().totalVideoFrames;
  const timer = setInterval(() => {
    if (!current()) return clearInterval(timer);
    if (element.getVideoPlaybackQuality().totalVideoFrames <= before) return;
    clearInterval(timer);
    come();
  }, frameLook);
}
