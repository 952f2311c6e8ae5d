// The visit itself, as those in it see it: it puts the parts of the screen together and hands what people do to the session.

import { Announcer } from "./announce.js";
import { Captions } from "./captions.js";
import { ChatPanel } from "./chat.js";
import { Controls } from "./controls.js";
import { DeviceButtons } from "./devicebuttons.js";
import { box, setText } from "./dom.js";
import { Invite } from "./invite.js";
import { spoken } from "./languages.js";
import { Leaving } from "./leave.js";
import { NotePanel } from "./notepanel.js";
import { Lasting, Notices, notices } from "./notices.js";
import { Panels } from "./panels.js";
import { People } from "./people.js";
import { PictureInPicture } from "./pip.js";
import { PrivateTime } from "./private.js";
import { Settings } from "./settings.js";
import { Share } from "./share.js";
import { Stage } from "./stage.js";
import { Sure } from "./sure.js";
import { Tell } from "./tell.js";
import { ViewChoices } from "./view.js";
import { Waiters } from "./waiters.js";
import { Room } from "../room.js";

/** @import {Attendance} from "../attendance.js" */
/** @import {Choice} from "./menu.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Happening} from "../room.js" */
/** @import {Language} from "../language.js" */
/** @import {Live} from "./live.js" */
/** @import {Member} from "../protocol.js" */
/** @import {SlotViews} from "./slotviews.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

/** How often the time since the visit began is told anew (milliseconds). */
const second = 1000;

export class Inside {
  /** The line was bad for so long that audio only was proposed. */
  #proposed = false;
  #noRoom = new Room();
  /** Whose line is weak for longer than a moment. */
  #weak = new Lasting();

  /**
   * @param {{words: Words, language: Language, live: Live, devices: Devices, views: SlotViews, visit: () => VisitSeen,
   *   attendance: () => Attendance | null, render: () => void}} parts
   */
  constructor(parts) {
    this.parts = parts;
    const { words, language, live, devices, views, visit, render } = parts;
    const kept = sessionStorage;
    this.view = new ViewChoices(kept);
    this.stage = new Stage(words, devices, views, this.view, () => this.#room, () => this.#data);
    this.pip = new PictureInPicture(() => this.stage.main(), render);
    this.buttons = new DeviceButtons(words, devices, box("call-devices"));
    this.controls = new Controls({ audio: () => this.#use(this.#data === "audio" ? "full" : "audio") });
    this.share = new Share(words, live, parts.attendance);
    this.chat = new ChatPanel(words, live, {
      say: (text) => this.#session?.say(text),
      again: (id) => this.#session?.sayAgain(id),
      drop: (id) => {
        this.#session?.lines.drop(id);
        render();
      },
    });
    this.note = new NotePanel(words, visit);
    this.panels = new Panels(live, render, { chat: () => this.chat.focus(), note: () => this.note.focus() });
    this.captions = new Captions(words);
    this.announcer = new Announcer(words, live);
    this.sure = new Sure();
    this.invite = new Invite(words, visit, spoken);
    this.tell = new Tell(words, live, {
      tell: (member, text, ready) => this.#session?.tell(member, text, ready) ?? "",
      stateOf: (id) => this.#session?.notes.words.get(id)?.state ?? "",
      changed: render,
    });
    const busy = (/** @type {string} */ member) => this.#session?.acts.busyWith(member) ?? false;
    this.people = new People(
      words,
      {
        choose: (choice, member) => this.#choose(choice, member),
        signs: (on) => this.#session?.sign(this.#room.you.id, on),
        invite: () => this.invite.open(),
      },
      busy,
    );
    this.waiters = new Waiters(
      words,
      {
        admit: (member) => this.#session?.admit(member.id),
        decline: (member) => this.#ask("decline", member),
        tell: (member) => this.tell.open(member),
      },
      (member) => this.tell.last(member),
      busy,
    );
    this.private = new PrivateTime(words, { private: (on) => this.#session?.private(on), hearing: (answer) => this.#session?.hearing(answer) }, kept);
    this.notices = new Notices(
      words,
      live,
      (act) => {
        if (act === "private") this.#session?.private(true);
        else this.#use(act === "audio" ? "audio" : "full");
      },
      (id) => {
        if (id === "reminder") this.private.reminded();
        render();
      },
    );
    this.settings = new Settings({ words, language, devices, choices: this.view, pip: this.pip }, { use: (data) => this.#use(data), switched: render });
    this.leaving = new Leaving(words, () => this.#room, {
      leave: () => this.#session?.leave(),
      lead: (member) => this.#session?.lead(member),
      end: () => this.#session?.end(),
    });
    setInterval(() => this.#showElapsed(), second);
  }

  /** Shows the visit as it is. @param {number} now milliseconds */
  show(now) {
    const { devices, visit, attendance } = this.parts;
    const room = this.#room;
    const line = attendance()?.line;
    const sharing = this.share.show();
    this.buttons.show();
    this.stage.show();
    this.pip.follow();
    this.people.show(room, { media: { ...devices.media, screen: sharing }, line: line?.mine ?? "" }, this.stage.pinned);
    this.tell.show();
    this.waiters.show(room, now);
    this.chat.show(room, this.#session?.lines.words ?? new Map(), this.#session?.state === "in");
    this.note.show();
    this.captions.show(this.view.captions, room.chat, room.you.id);
    this.announcer.captions = this.view.captions;
    const reminder = this.private.show(room, visit().patient_age, now, this.#session?.acts.busy("private") ?? false);
    if (line?.mine === "good") this.#proposed = false;
    const weak = room.others.map((each) => each.id).filter((id) => room.members.get(id)?.line === "bad" || line?.halting.get(id) === "theirs");
    const others = { others: room.others, weak: this.#weak.take(weak, now) };
    this.notices.show(notices({ hopeless: this.#proposed, audio: this.#data === "audio", sharing, reminder, ...others }), now);
    this.leaving.show(room);
    this.settings.show(this.#data);
    this.controls.show(this.#data === "audio");
    this.#showElapsed();
  }

  /** Takes everything of the visit off the page: who is outside has no names, faces or words of it, hidden ones neither. */
  hide() {
    this.stage.hide();
    this.pip.close();
    this.private.hide();
    this.#proposed = false;
    if (box("tiles").childElementCount === 0) return;
    for (const list of ["tiles", "people-list", "waiting-list", "chat-lines", "knocking", "captions"]) box(list).replaceChildren();
    for (const part of ["knocking", "notice", "elapsed"]) box(part).hidden = true;
    for (const text of ["notice-words", "elapsed", "sure-title", "sure-body", "tell-title"]) box(text).textContent = "";
    box("leave-ways").replaceChildren();
    this.people.clear();
    this.tell.clear();
    this.panels.set("");
    for (const dialog of document.querySelectorAll("dialog")) {
      dialog.returnValue = "";
      dialog.close();
    }
  }

  /** Somebody left the visit for good on this page: forgets what they wrote. */
  over() {
    this.chat.clear();
    this.note.over();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
  }

  /** Proposes to go on without video: the line has not carried it for a while. */
  propose() {
    this.#proposed = true;
    this.parts.render();
  }

  /** @param {Happening[]} happenings */
  happened(happenings) {
    this.announcer.tell(happenings, this.#room);
  }

  get #session() {
    return this.parts.attendance()?.session ?? null;
  }

  get #room() {
    return this.#session?.room ?? this.#noRoom;
  }

  get #data() {
    return this.parts.attendance()?.data ?? "full";
  }

  /** @param {import("../encodings.js").DataUse} data */
  #use(data) {
    this.#proposed = false;
    void this.parts.attendance()?.use(data);
  }

  /** @param {Choice} choice @param {Member} member */
  #choose(choice, member) {
    switch (choice) {
      case "pin":
      case "unpin":
        this.stage.pinned = choice === "pin" ? member.id : "";
        return this.parts.render();
      case "sign":
      case "unsign":
        return this.#session?.sign(member.id, choice === "sign");
      case "return":
        return this.#session?.return(member.id);
      default:
        return this.#ask(choice, member);
    }
  }

  /** Does what would hurt if it were a slip, when the person is sure. @param {"decline" | "remove" | "lead"} act @param {Member} member */
  #ask(act, member) {
    const { words } = this.parts;
    const { name } = member;
    const question = { title: words.t(`sure.${act}.title`, { name }), body: words.t(`sure.${act}.body`, { name }), yes: words.t(`sure.${act}.yes`, { name }) };
    this.sure.ask({ ...question, danger: act !== "lead" }, () => this.#session?.[act](member.id));
  }

  #showElapsed() {
    const { started, place } = this.#room;
    const shown = place === "visit" && started !== "";
    box("elapsed").hidden = !shown;
    if (shown) setText(box("elapsed"), clock(Date.now() - Date.parse(started)));
  }
}

/** A stretch of time as a clock tells it: 4:05, 1:04:05. @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
