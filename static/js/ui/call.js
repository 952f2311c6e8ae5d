// From "Join visit" to the end: one session at a time, shown as the check screen, the waiting room, the visit, or a closing word. It owns the
// session and the screens of a call.

import { box } from "./dom.js";
import { Awake } from "./awake.js";
import { Ends } from "./ends.js";
import { browserOf, explain } from "./faults.js";
import { Inside } from "./inside.js";
import { phoneLine } from "./phone.js";
import { SlotViews } from "./slotviews.js";
import { Waiting } from "./waiting.js";
import { late } from "../api.js";
import { Attendance } from "../attendance.js";
import { Lateness } from "../late.js";
import { watchNetwork } from "../network.js";

/** @import {Check} from "./check.js" */
/** @import {Checks} from "./checks.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Happening} from "../room.js" */
/** @import {Language} from "../language.js" */
/** @import {Live} from "./live.js" */
/** @import {Message} from "./message.js" */
/** @import {Screens} from "./screens.js" */
/** @import {Session} from "../session.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

/** Since-whens are told in minutes; this keeps them true (milliseconds). */
const tick = 10_000;
/** From this try on we say that joining is taking long, and from the next what may help. */
const slowFrom = 1;
const adviseFrom = 4;
/** After so long without a connection we say what may help (milliseconds). */
const adviseAfter = 10_000;

export class Call {
  /** @type {Attendance | null} */
  #attendance = null;
  #awake = new Awake();
  #lateness = new Lateness(() => this.render());

  /**
   * @param {{words: Words, language: Language, screens: Screens, live: Live, message: Message, devices: Devices, check: () => Check, checks: () => Checks, visit: () => VisitSeen,
   *   join: () => void}} parts join: comes back after leaving
   */
  constructor(parts) {
    this.parts = parts;
    const { words, devices, live } = parts;
    this.views = new SlotViews(box("stage"), () => this.render());
    this.inside = new Inside({ ...parts, views: this.views, attendance: () => this.#attendance, render: () => this.render() });
    this.waiting = new Waiting(words, devices, parts.checks, { leave: () => this.#session?.leave(), hurry: () => this.#session?.hurry() });
    this.ends = new Ends(parts.message, parts.join);
    this.#wire();
    devices.replaced = ({ device, label }) => live.toast(words.t(`device.replaced.${device}`, { label }));
    words.follow(() => this.render());
    setInterval(() => this.render(), tick);
  }

  get #session() {
    return this.#attendance?.session ?? null;
  }

  /** Whether somebody is on the way in, or in. */
  get running() {
    return this.#session !== null && !this.#session.over;
  }

  /** Whether no picture is to come in or go out. */
  get soundOnly() {
    return this.#attendance?.data === "audio";
  }

  /** Begins; the elements have been made in the tap before. @param {boolean} [soundOnly] whether no picture is to come in or go out */
  start(soundOnly = false) {
    if (this.running) return;
    const { visit, devices, checks } = this.parts;
    this.#attendance = new Attendance({
      path: visit().path,
      devices,
      page: {
        changed: () => this.render(),
        happened: (happenings) => this.#tell(happenings),
        refused: (code) => this.#refused(code),
        propose: () => this.inside.propose(),
      },
    });
    if (soundOnly) void this.#attendance.use("audio");
    this.#attendance.start(checks().result());
    this.#awake.keep(true);
  }

  /** Something I asked was refused: says so, and takes back what the page showed as done. @param {string} code */
  #refused(code) {
    const { live, words } = this.parts;
    live.toast(words.t(words.has(`refused.${code}`) ? `refused.${code}` : "visit.refused"));
    this.render();
  }

  /** The device check has another result. */
  checked() {
    const session = this.#session;
    if (!session || session.over || session.room.place === "visit") return;
    session.check(this.parts.checks().result());
    this.render(); // the waiting room says whether sound and pictures get through
  }

  /** My devices changed. */
  devicesChanged() {
    this.views.speaker(this.parts.devices.chosen.speaker);
    const session = this.#session;
    if (!session || session.over) return;
    const { devices, live, words } = this.parts;
    this.#attendance?.devicesChanged();
    const wrong = explain(devices.faults, browserOf(navigator.userAgent, navigator.maxTouchPoints));
    if (wrong && this.#wrong !== wrong.title) live.toast(words.t("visit.device", { why: `${words.t(wrong.title)}. ${words.t(wrong.help)}` }));
    this.#wrong = wrong?.title ?? "";
    this.render();
  }

  #wrong = "";

  /** Shows the session as it is now. */
  render() {
    const session = this.#session;
    if (!session) return;
    switch (session.state) {
      case "joining":
        return this.#renderJoining(session);
      case "in":
        return this.#renderIn(session, session.room.place === "visit" ? "visit" : "waiting");
      case "reconnecting":
        return this.#renderIn(session, "reconnecting");
      case "busy":
      case "crowded":
        this.parts.live.banner("");
        return this.parts.message.show(session.state, {}, [{ words: "action.retry", act: () => session.hurry() }]);
      default:
        if (session.over) this.#renderOver(session.state);
    }
  }

  /** @param {Session} session */
  #renderJoining(session) {
    const { screens, check } = this.parts;
    screens.show("check", "joining");
    check().busy(true);
    const long = session.attempt >= adviseFrom;
    check().trouble(long ? "check.network" : session.attempt > slowFrom ? "check.trying" : "", long);
  }

  /** @param {Session} session @param {"visit" | "waiting" | "reconnecting"} state */
  #renderIn(session, state) {
    const { screens, live, words, visit, check } = this.parts;
    const { room } = session;
    const now = Date.now();
    const inVisit = room.place === "visit";
    check().hide();
    if (state === "reconnecting") this.#renderLost(now);
    else if (this.#lostAt > 0) {
      this.#lostAt = 0;
      live.banner("");
      live.polite(words.t("banner.back"));
    }
    if (inVisit) this.#lateness.stop();
    else this.#lateness.follow(() => late(visit().path));
    if (!inVisit) this.waiting.show(visit(), room, now, this.#lostAt, this.#lateness.minutes);
    screens.show(inVisit ? "visit" : "waiting", state);
    this.views.bind(this.#attendance?.slots() ?? []);
    if (!inVisit) {
      this.views.show(room);
      this.inside.hide();
      return;
    }
    this.waiting.hide();
    this.parts.checks().rest();
    this.inside.show(now);
    const waiting = room.may.has("admit") ? room.waiting.length : 0;
    const what = waiting > 0 ? words.t("knocking.count", { count: waiting }) : words.t("title.visit");
    document.title = words.t("title.state", { what, site: visit().site });
  }

  /** When the connection was lost (milliseconds), 0 while there is one. */
  #lostAt = 0;

  /** @param {number} now */
  #renderLost(now) {
    const { live, words, visit } = this.parts;
    if (this.#lostAt === 0) {
      this.#lostAt = now;
      setTimeout(() => this.render(), adviseAfter);
    }
    // The waiting room has room for advice, and for a number to call.
    const advise = this.#session?.room.place === "visit" && now - this.#lostAt >= adviseAfter;
    if (!advise) return live.banner(words.t("banner.reconnecting"));
    const { phone, you } = visit();
    live.banner(words.t("banner.network"), ...(you.role === "clinician" ? [] : phoneLine(words, phone ?? "")));
  }

  /** @param {string} state */
  #renderOver(state) {
    const { live, devices, check, visit } = this.parts;
    if (state === "consent_needed") return location.reload(); // which asks for it
    this.#attendance = null;
    this.#lateness.stop();
    this.#lostAt = 0;
    live.banner("");
    live.forget();
    devices.stop();
    this.views.clear();
    this.inside.hide();
    this.inside.over();
    this.waiting.hide();
    this.parts.checks().rest();
    check().busy(false);
    this.#awake.keep(false);
    this.ends.show(state, { role: visit().you.role, visited: this.#wasIn, visit: visit().visit });
  }

  /** @param {Happening[]} happenings */
  #tell(happenings) {
    this.inside.happened(happenings);
    this.#wasIn ||= happenings.some((each) => each.what === "moved" && each.place === "visit");
  }

  /** Whether I ever was in the visit. */
  #wasIn = false;

  #wire() {
    watchNetwork({
      changed: () => this.#session?.networkChanged(),
      shown: (hiddenFor) => this.#session?.shown(hiddenFor),
    });
  }
}
