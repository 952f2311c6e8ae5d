// One person's attendance at a visit: session, media link, devices, screen, use of data and line, kept in step. What the page shows of it is
// the business of ui/. It owns the session and the link. Touches no DOM.

import { Line, sampleOf } from "./line.js";
import { MediaLink } from "./media.js";
import { subprotocol } from "./protocol.js";
import { canShare, Screen } from "./screen.js";
import { Session } from "./session.js";
import { pass, relays } from "./api.js";

/** @import {DataUse} from "./encodings.js" */
/** @import {Devices} from "./devices.js" */
/** @import {Checked, View} from "./protocol.js" */
/** @import {Happening} from "./room.js" */
/** @import {Slot} from "./media.js" */
/** @import {Other} from "./line.js" */

/** What the page is told: something to show has changed; something happened, for who listens; something asked was refused; the line has been
 * bad for so long that going on without video is to be proposed (once).
 * @typedef {{changed: () => void, happened: (happenings: Happening[]) => void, refused: (code: string, asked: string, about: string) => void,
 *   propose: () => void}} Page */

/** What video is wanted at each use of data. @type {Record<DataUse, View>} */
const views = { full: "all", low: "one", audio: "none" };

export class Attendance {
  /** How much of the line the visit may use; set by use(). @type {DataUse} */
  data = "full";
  /** How my line does, and whose pictures halt and why. */
  line = new Line();
  /** My screen. */
  screen = new Screen(() => this.#sendingChanged());
  /** The room, the acts and the state. */
  session;

  #devices;
  #page;
  /** @type {MediaLink | null} */
  #link = null;
  #media = "";
  /** Whether the camera was on before sound alone was chosen. */
  #cameraWas = false;

  /** @param {{path: string, devices: Devices, page: Page}} parts path: "/v/ID/" */
  constructor({ path, devices, page }) {
    this.#devices = devices;
    this.#page = page;
    this.session = new Session(
      {
        getPass: () => pass(path),
        openSocket: () => new WebSocket(new URL(`${path}ws`, location.href.replace(/^http/, "ws")), subprotocol),
        getRelays: async () => (await relays(path))?.relays ?? null,
        openLink: (events, relays) =>
          new MediaLink({
            relays,
            tracks: () => ({ microphone: devices.microphone, camera: devices.camera, screen: this.screen.screen, screen_audio: this.screen.screen_audio }),
            canSend: devices.canSend,
            events,
            sampled: (reports) => this.#sampled(reports),
          }),
        later: (call, ms) => setTimeout(call, ms),
        forget: (timer) => clearTimeout(timer),
        now: () => Date.now(),
        random: Math.random,
        newID,
      },
      {
        changed: () => this.#changed(),
        happened: (happenings) => this.#happened(happenings),
        linked: (link) => {
          this.#link = /** @type {MediaLink} */ (link);
          this.line.restart();
        },
        switched: () => this.screen.stop("taken"),
        refused: (code, asked, about) => this.#refused(code, asked, about),
      },
    );
  }

  /** Joins, in the tap; the devices are open. @param {Checked | null} check the result of the device check, if there was one */
  start(check = null) {
    if (check) this.session.check(check);
    this.#media = JSON.stringify(this.#sending);
    this.session.start(this.#sending);
  }

  /** What the slots receive now; to be bound to elements whenever something changed. @returns {Slot[]} */
  slots() {
    return this.#link?.slots() ?? [];
  }

  /** My camera or microphone changed: to be called by whoever owns the devices. */
  devicesChanged() {
    if (this.data === "audio" && this.#devices.wanted.camera) void this.use("low"); // who turns the camera on wants to be seen
    this.#sendingChanged();
  }

  /** Chooses how much of the line the visit may use. @param {DataUse} data */
  async use(data) {
    const before = this.data;
    if (data === before) return;
    this.data = data;
    this.session.view(views[data]);
    const { wanted } = this.#devices;
    if (data === "audio") {
      this.#cameraWas = wanted.camera;
      if (wanted.camera) await this.#devices.setCamera(false);
    } else if (before === "audio" && this.#cameraWas && !wanted.camera) {
      await this.#devices.setCamera(true);
    }
    this.#changed();
  }

  /** Whether this browser and this person may show a screen. */
  get canShare() {
    return canShare() && this.#devices.canSend && this.session.room.place === "visit" && this.session.room.may.has("share");
  }

  /** Shows my screen, in the tap, or stops showing it. @param {boolean} on */
  async share(on) {
    if (on) await this.screen.start();
    else this.screen.stop();
  }

  /** What I send. */
  get #sending() {
    const { media } = this.#devices;
    return { ...media, screen: this.screen.on };
  }

  #sendingChanged() {
    const { session } = this;
    if (session.over || session.state === "idle") return;
    if (this.screen.on && session.room.place !== "visit") this.screen.stop("moved");
    if (this.#link?.lacks) session.offer();
    const media = JSON.stringify(this.#sending);
    if (media !== this.#media) {
      this.#media = media;
      session.setMedia(this.#sending);
    }
    this.#link?.refresh().catch(() => this.#page.refused("failed", "media", ""));
    this.#page.changed();
  }

  #changed() {
    const { session } = this;
    if (session.over) {
      this.#link = null;
      this.screen.stop("moved");
    }
    if (this.#link) {
      const inVisit = session.room.place === "visit";
      this.#link.expecting = inVisit && session.room.expectsMedia;
      this.#link.fit(inVisit ? session.room.others.length + 1 : 1, this.data).catch(() => undefined);
    }
    this.#page.changed();
  }

  /** @param {Happening[]} happenings */
  #happened(happenings) {
    if (happenings.some((each) => each.what === "moved" && each.place === "waiting")) this.screen.stop("moved");
    this.#page.happened(happenings);
  }

  /** @param {string} code @param {string} asked @param {string} about */
  #refused(code, asked, about) {
    if (code === "not_allowed" && asked === "media") {
      this.screen.stop();
      if (!this.session.media.screen) this.#devices.watchOnly();
    }
    this.#page.refused(code, asked, about);
  }

  /** @param {RTCStatsReport} reports */
  #sampled(reports) {
    const { session, line } = this;
    if (session.room.place !== "visit") return;
    const now = Date.now();
    const [before, halting] = [line.mine, JSON.stringify([...line.halting])];
    line.take(sampleOf(reports.values(), now), this.#others(), session.state === "reconnecting");
    if (line.mine) session.line(line.mine);
    if (line.mine !== before || JSON.stringify([...line.halting]) !== halting) this.#page.changed();
    if (this.data !== "audio" && line.proposes(now)) this.#page.propose();
  }

  /** @returns {Other[]} */
  #others() {
    const { room } = this.session;
    return room.others.map(({ id, line, away, media }) => {
      const slots = [...room.slots.values()].filter((entry) => entry.member === id);
      const moving = media.camera && slots.some((entry) => entry.source === "camera");
      return { id, mids: slots.map((entry) => entry.mid), moving, line, away };
    });
  }
}

/** An id for one message: 32 hexadecimal characters. (crypto.randomUUID is missing from older Safari.) */
function newID() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
