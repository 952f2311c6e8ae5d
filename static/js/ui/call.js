// From "Join visit" to the end: one session at a time, shown as the check screen, the waiting room, the visit, or a closing word. It owns the
// session and the screens of a call.

import { box, button, byId } from "./dom.js";
import { Awake } from "./awake.js";
import { ChatPanel } from "./chat.js";
import { DeviceButtons } from "./devicebuttons.js";
import { Ends } from "./ends.js";
import { browserOf, explain } from "./faults.js";
import { People } from "./people.js";
import { SlotViews } from "./slotviews.js";
import { Stage } from "./stage.js";
import { Waiting } from "./waiting.js";
import { Attendance } from "../attendance.js";
import { watchNetwork } from "../network.js";
import { Room } from "../room.js";

/** @import {Check} from "./check.js" */
/** @import {Checks} from "./checks.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Happening} from "../room.js" */
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

  /**
   * @param {{words: Words, screens: Screens, live: Live, message: Message, devices: Devices, check: () => Check, checks: () => Checks, visit: () => VisitSeen,
   *   join: () => void}} parts join: comes back after leaving
   */
  constructor(parts) {
    this.parts = parts;
    const { words, devices, live } = parts;
    this.views = new SlotViews(box("stage"), () => this.render());
    this.stage = new Stage(words, devices, this.views, () => this.#session?.room ?? this.#noRoom);
    this.waiting = new Waiting(words, devices, parts.checks, { leave: () => this.#session?.leave(), hurry: () => this.#session?.hurry() });
    this.people = new People(words, (member) => this.#session?.admit(member));
    this.chat = new ChatPanel(words, live, (text) => this.#session?.say(text));
    this.buttons = new DeviceButtons(words, devices, box("call-devices"));
    this.ends = new Ends(parts.message, parts.join);
    this.#wire();
    devices.replaced = ({ device, label }) => live.toast(words.t(`device.replaced.${device}`, { label }));
    words.follow(() => this.render());
    setInterval(() => this.render(), tick);
  }

  #noRoom = new Room();

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
        propose: () => undefined,
      },
    });
    if (soundOnly) void this.#attendance.use("audio");
    this.#attendance.start(checks().result());
    this.#awake.keep(true);
  }

  /** Something I asked was refused: says so, and takes back what the page showed as done. @param {string} code */
  #refused(code) {
    const { live, words } = this.parts;
    live.toast(words.t(code === "not_allowed" ? "visit.not_allowed" : "visit.refused"));
    this.render();
  }

  /** The device check has another result. */
  checked() {
    const session = this.#session;
    if (session && !session.over && session.room.place !== "visit") session.check(this.parts.checks().result());
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
        this.parts.live.banner("");
        return this.parts.message.show("busy", {}, [{ words: "action.retry", act: () => session.hurry() }]);
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
    const { screens, live, words, devices, visit, check } = this.parts;
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
    if (!inVisit) this.waiting.show(visit(), room, now, this.#lostAt);
    screens.show(inVisit ? "visit" : "waiting", state);
    this.views.bind(this.#attendance?.slots() ?? []);
    if (!inVisit) {
      this.views.show(room);
      this.#forget();
      return;
    }
    this.waiting.hide();
    this.parts.checks().rest();
    this.buttons.show();
    this.stage.show();
    this.people.show(room, devices.media, now);
    this.chat.show(room, session.lines.words);
    button("end").hidden = !room.may.has("end");
    const waiting = room.may.has("admit") ? room.waiting.length : 0;
    const what = waiting > 0 ? words.t("knocking.count", { count: waiting }) : words.t("title.visit");
    document.title = words.t("title.state", { what, site: visit().site });
  }

  /** When the connection was lost (milliseconds), 0 while there is one. */
  #lostAt = 0;

  /** @param {number} now */
  #renderLost(now) {
    const { live, words } = this.parts;
    if (this.#lostAt === 0) {
      this.#lostAt = now;
      setTimeout(() => this.render(), adviseAfter);
    }
    // The waiting room has room for advice, and for a number to call.
    const advise = this.#session?.room.place === "visit" && now - this.#lostAt >= adviseAfter;
    live.banner(words.t(advise ? "banner.network" : "banner.reconnecting"));
  }

  /** @param {string} state */
  #renderOver(state) {
    const { live, devices, check, visit } = this.parts;
    if (state === "consent_needed") return location.reload(); // which asks for it
    this.#attendance = null;
    this.#lostAt = 0;
    live.banner("");
    live.quiet();
    devices.stop();
    this.views.clear();
    this.#forget();
    this.waiting.hide();
    this.parts.checks().rest();
    this.chat.clear();
    check().busy(false);
    this.#awake.keep(false);
    this.ends.show(state, { role: visit().you.role, visited: this.#wasIn });
  }

  /** Takes everything of the visit off the page: who is outside has no names, faces or words of it, hidden ones neither. */
  #forget() {
    this.stage.hide();
    if (box("tiles").childElementCount === 0) return;
    for (const list of ["tiles", "people-list", "chat-lines", "knocking"]) box(list).replaceChildren();
    box("knocking").hidden = true;
    this.#setPanel("");
    byId("end-dialog", HTMLDialogElement).close();
  }

  /** @param {Happening[]} happenings */
  #tell(happenings) {
    const { live, words } = this.parts;
    for (const happening of happenings) {
      switch (happening.what) {
        case "came":
          live.polite(words.t("visit.came", { name: happening.member.name }));
          break;
        case "left":
          live.polite(words.t("visit.left", { name: happening.member.name }));
          break;
        case "waits":
          live.polite(words.t("visit.waits", { name: happening.member.name }));
          break;
        case "moved":
          if (happening.place === "visit") live.polite(words.t("visit.in"));
          else if (this.#visited) live.toast(words.t("visit.sent_out"));
          this.#visited = happening.place === "visit";
          this.#wasIn ||= this.#visited;
          break;
        case "said": {
          const { from, text } = happening.line;
          if (from.id === this.#session?.room.you.id) break;
          const said = words.t("chat.said", { name: from.name, text });
          if (box("chat").hidden) live.toast(said);
          else live.polite(said);
        }
      }
    }
  }

  /** Whether I am in the visit now, and whether I ever was. */
  #visited = false;
  #wasIn = false;

  #wire() {
    for (const panel of ["chat", "people"]) {
      button(`open-${panel}`).addEventListener("click", () => this.#panel(box(panel).hidden ? panel : ""));
      box(panel).querySelector(".close")?.addEventListener("click", () => this.#close(panel));
      box(panel).addEventListener("keydown", (event) => event.key === "Escape" && this.#close(panel));
    }
    button("leave").addEventListener("click", () => this.#session?.leave());
    const dialog = byId("end-dialog", HTMLDialogElement);
    button("end").addEventListener("click", () => {
      dialog.returnValue = "";
      dialog.showModal();
    });
    dialog.addEventListener("close", () => dialog.returnValue === "end" && this.#session?.end());
    watchNetwork({
      changed: () => this.#session?.networkChanged(),
      shown: (hiddenFor) => this.#session?.shown(hiddenFor),
    });
  }

  /** Opens one panel and closes the other; "" closes both. @param {string} name */
  #panel(name) {
    this.#setPanel(name);
    if (name !== "") this.parts.live.quiet();
    this.render();
    if (name === "chat") this.chat.focus();
    if (name === "people") box("people-title").focus();
  }

  /** @param {string} name */
  #setPanel(name) {
    for (const panel of ["chat", "people"]) {
      box(panel).hidden = panel !== name;
      button(`open-${panel}`).setAttribute("aria-expanded", String(panel === name));
    }
    box("call").classList.toggle("with-panel", name !== "");
  }

  /** @param {string} panel */
  #close(panel) {
    this.#panel("");
    button(`open-${panel}`).focus();
  }
}
