// What is said aloud of what happens in a visit, for who listens rather than looks: little, and nothing that somebody beside them must not hear.

import { box } from "./dom.js";

/** @import {Happening, Room} from "../room.js" */
/** @import {Live} from "./live.js" */
/** @import {Words} from "../i18n.js" */

export class Announcer {
  #words;
  #live;
  /** Whether I am in the visit now. */
  #visited = false;

  /** Whether chat is read out as captions already. */
  captions = false;

  /** @param {Words} words @param {Live} live */
  constructor(words, live) {
    this.#words = words;
    this.#live = live;
  }

  /** @param {Happening[]} happenings @param {Room} room */
  tell(happenings, room) {
    for (const happening of happenings) this.#one(happening, room);
  }

  /** @param {Happening} happening @param {Room} room */
  #one(happening, room) {
    const [words, live] = [this.#words, this.#live];
    switch (happening.what) {
      case "came":
        return live.polite(words.t("visit.came", { name: happening.member.name }));
      case "left":
        return live.polite(words.t("visit.left", { name: happening.member.name }));
      case "waits":
        return live.polite(words.t("visit.waits", { name: happening.member.name }));
      case "private":
        // The patient is asked something, which stands far from where they are on the page.
        if (happening.on && room.you.role === "patient") return live.polite(`${words.t("private.on")} ${words.t("ask.title")}`);
        if (happening.on) return live.polite(words.t("private.on"));
        // Seen as well: who was free to speak must know at once that others hear again.
        return live.toast(words.t("private.off"));
      case "hearing":
        // Not what they answered: a loudspeaker would say it to the patient's room, too.
        return live.polite(words.t("hearing.answered", { name: happening.member.name }));
      case "lead":
        // Who has it now sees it too: nothing else on the screen changes for them.
        return happening.me ? live.toast(words.t("lead.me")) : live.polite(words.t("lead.other", { name: happening.member.name }));
      case "signing":
        return happening.on ? live.polite(words.t("visit.signs", { name: happening.member.name })) : undefined;
      case "shares":
        return live.polite(words.t(happening.on ? "visit.shares" : "visit.shares_no_more", { name: happening.member.name }));
      case "moved":
        if (this.#visited) live.forget();
        if (happening.place === "visit") live.polite(words.t("visit.in"));
        else if (this.#visited && happening.why === "") live.toast(words.t("visit.sent_out")); // else the waiting room says why
        this.#visited = happening.place === "visit";
        return;
      case "said": {
        const { from, text } = happening.line;
        if (from.id === room.you.id) return;
        const said = words.t("chat.said", { name: from.name, text });
        if (this.captions) return; // a log of its own, which is read out
        if (box("chat").hidden) live.toast(said);
        else live.polite(said);
      }
    }
  }
}
