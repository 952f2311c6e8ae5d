// The waiting room as the person who waits sees it: the right place, the right name, for how long, and what they were told. Nothing of the visit is
// known here.

import { box, button, el, keyed, setText } from "./dom.js";
import { phoneLine } from "./phone.js";
import { Preview } from "./preview.js";
import { noteWords } from "./tell.js";

/** @import {Checks} from "./checks.js" */
/** @import {Devices} from "../devices.js" */
/** @import {Room} from "../room.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Why} from "../protocol.js" */
/** @import {Words} from "../i18n.js" */

/** After so long past its time a visit is late, and a call may help (milliseconds). Private time takes what it takes. */
const late = { usual: 10 * 60_000, private: 25 * 60_000 };
/** After so long without a connection we say what may help (milliseconds). */
const lostLong = 9_500;

/**
 * Why somebody waits, as it is told them. Clinicians come in by right: one who waits has another device in the visit.
 * @param {Why} why
 * @param {string} role
 * @returns {"usual" | "private" | "returned" | "device"}
 */
export function reasonOf(why, role) {
  if (why !== "") return why;
  return role === "clinician" ? "device" : "usual";
}

/**
 * Whether somebody has waited longer than they should.
 * @param {"usual" | "private" | "returned" | "device"} reason
 * @param {number} since when the waiting began (milliseconds)
 * @param {number} start when the visit was to start (milliseconds)
 * @param {number} now milliseconds
 */
export function isLate(reason, since, start, now) {
  if (reason === "device") return false;
  return now - Math.max(since, start) >= (reason === "private" ? late.private : late.usual);
}

export class Waiting {
  #words;
  #checks;
  #preview;

  /** @param {Words} words @param {Devices} devices @param {() => Checks} checks @param {{leave: () => void, hurry: () => void}} acts */
  constructor(words, devices, checks, acts) {
    this.#words = words;
    this.#checks = checks;
    this.#preview = new Preview(words, devices, box("waiting-preview"));
    box("waiting-leave").addEventListener("click", acts.leave);
    button("waiting-hurry").addEventListener("click", acts.hurry);
  }

  /** @param {VisitSeen} visit @param {Room} room @param {number} now milliseconds @param {number} lostAt since when the connection is lost (milliseconds), 0: it is not @param {number} behind how many minutes the visit begins late */
  show(visit, room, now, lostAt, behind) {
    const words = this.#words;
    const [start, since] = [Date.parse(visit.starts_at), Date.parse(room.since)];
    const reason = reasonOf(room.why, room.you.role);
    setText(box("waiting-title"), words.t(`waiting.${reason}.title`));
    const minutes = Math.floor((now - since) / 60_000);
    const waited = minutes < 1 ? words.t("waiting.just") : words.t("waiting.for", { time: words.span(minutes * 60_000) });
    const lost = lostAt > 0;
    const blocked = this.#checks().line.result.network === "blocked";
    setText(box("waiting-known"), words.t(lost ? "waiting.lost.known" : `waiting.${reason}.known`));
    // Where there is something to do, nothing else is said.
    setText(box("waiting-stay"), lost ? words.t("waiting.lost.stay") : blocked ? "" : words.t(`waiting.${reason}.stay`));
    box("waiting-note").classList.toggle("warn", lost);
    setText(box("waiting-since"), blocked ? words.t("waiting.blocked") : waited);
    box("waiting-alive").classList.toggle("lost", blocked);
    box("waiting-alive").hidden = box("waiting-line").hidden = lost;
    setText(box("waiting-visit"), words.t("waiting.where", { service: visit.service, site: visit.site }));
    setText(box("waiting-time"), words.sentence(words.moment(start, now)));
    setText(box("waiting-name"), room.you.name);
    box("waiting-late").hidden = behind === 0;
    setText(box("waiting-late"), behind > 0 ? words.n("late.running", behind) : "");
    this.#tell(room);
    this.#help(visit, lost && now - lostAt >= lostLong ? "lost" : isLate(reason, since, start, now) ? "late" : "");
    box("waiting-device").hidden = reason !== "usual";
    // Who was in the visit knows that it works.
    const known = reason === "private" || reason === "returned";
    box("waiting-works").hidden = known;
    this.#preview.show(true);
    this.#checks().place(box("waiting-works"), box("waiting-line"));
    if (known) this.#checks().rest();
    else this.#checks().show();
  }

  hide() {
    this.#preview.hide();
    box("waiting-told").replaceChildren();
  }

  /** What a clinician told those who wait, newest last; the list is read out as it grows. @param {Room} room */
  #tell(room) {
    const words = this.#words;
    const list = box("waiting-told");
    const before = list.childElementCount;
    keyed(
      list,
      room.told,
      (note) => note.id,
      () => el("li", {}, el("strong", {}), el("p", { dir: "auto" })),
      (item, note) => {
        setText(/** @type {Element} */ (item.firstElementChild), words.t("waiting.told", { time: words.time(Date.parse(note.at)) }));
        setText(/** @type {Element} */ (item.lastElementChild), noteWords(words, note));
      },
    );
    if (list.childElementCount > before) list.lastElementChild?.scrollIntoView({ block: "nearest" });
  }

  /** @param {VisitSeen} visit @param {"" | "late" | "lost"} what */
  #help(visit, what) {
    const place = box("waiting-help");
    place.hidden = what === "";
    if (what === "") return;
    setText(box("waiting-help-title"), this.#words.t(`waiting.${what}.title`));
    setText(box("waiting-help-body"), this.#words.t(`waiting.${what}.body`));
    button("waiting-hurry").hidden = what !== "lost";
    box("waiting-phone").replaceChildren(...phoneLine(this.#words, visit.phone ?? ""));
  }
}
