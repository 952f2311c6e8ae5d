// The waiting room as the person who waits sees it: the right place, the right name, since when. Nothing of the visit is known here.

import { box, setText } from "./dom.js";
import { Preview } from "./preview.js";

/** @import {Devices} from "../devices.js" */
/** @import {VisitSeen} from "../api.js" */
/** @import {Words} from "../i18n.js" */

export class Waiting {
  #words;
  #preview;

  /** @param {Words} words @param {Devices} devices @param {() => void} leave */
  constructor(words, devices, leave) {
    this.#words = words;
    this.#preview = new Preview(words, devices, box("waiting-preview"));
    box("waiting-leave").addEventListener("click", leave);
  }

  /** @param {VisitSeen} visit @param {string} name @param {string} since RFC 3339 @param {number} now milliseconds */
  show(visit, name, since, now) {
    const words = this.#words;
    const start = Date.parse(visit.starts_at);
    setText(box("waiting-visit"), words.t("waiting.where", { service: visit.service, site: visit.site }));
    setText(box("waiting-time"), words.sentence(words.moment(start, now)));
    setText(box("waiting-name"), name);
    setText(box("waiting-since"), sinceWords(words, since, now));
    this.#preview.show(true);
  }

  hide() {
    this.#preview.hide();
  }
}

/** "15:00, 3 minutes ago". @param {Words} words @param {string} since @param {number} now */
function sinceWords(words, since, now) {
  const at = Date.parse(since);
  const minutes = Math.floor((now - at) / 60_000);
  const time = words.time(at);
  return minutes < 1 ? words.t("time.since_now", { time }) : words.t("time.since", { time, ago: words.span(minutes * 60_000) });
}
