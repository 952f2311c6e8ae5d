// What the page says when somebody's part in a visit is over, for whatever reason: what has happened, what comes next, how to go on. Pure but for
// showing it.

import { leavePlace } from "../comeback.js";

/** @import {Action, Message} from "./message.js" */

/** What is known of somebody whose visit is over on this page. `visited`: they were in it, and did not only wait; `visit`: its id.
 * @typedef {{role: string, visited: boolean, visit: string}} Past */

/**
 * Which words fit: some ends mean something else to a clinician, or to somebody who was never let in.
 * @param {string} state an end of a session
 * @param {Pick<Past, "role" | "visited">} past
 */
export function variantOf(state, { role, visited }) {
  if (state === "revoked") return "removed"; // somebody whose link was good until now
  if (role === "clinician") return "clinician";
  if (role === "interpreter" || role === "observer") return "helper"; // who is not there to be seen
  return visited ? "" : "unseen";
}

/** Who comes with the patient. */
const family = ["patient", "guardian", "guest"];

/**
 * What there is to do after a visit: families say how it went, clinicians write of it.
 * @param {string} state @param {Past} past @returns {Action[]}
 */
function afterwards(state, { role, visited, visit }) {
  if (!visited || (state !== "ended" && state !== "left")) return [];
  const primary = state === "ended";
  if (role === "clinician") return [{ words: "action.write", primary, act: () => location.assign(`/desk/visits/${visit}/after`) }];
  return family.includes(role) ? [{ words: "action.after", primary, act: () => location.assign(`/v/${visit}/after`) }] : [];
}

export class Ends {
  #message;
  #join;

  /** @param {Message} message @param {() => void} join comes back to the visit */
  constructor(message, join) {
    this.#message = message;
    this.#join = join;
  }

  /** @param {string} state an end of a session @param {Past} past */
  show(state, past) {
    leavePlace();
    /** @type {Record<string, Action[]>} */
    const actions = {
      left: [{ words: "action.back", primary: true, act: this.#join }],
      declined: [{ words: "action.knock", primary: true, act: this.#join }],
      replaced: [{ words: "action.here", act: this.#join }],
      gone: [{ words: "action.reload", act: () => location.reload() }],
      broken: [{ words: "action.reload", primary: true, act: () => location.reload() }],
    };
    this.#message.show(state, {}, [...(actions[state] ?? []), ...afterwards(state, past)], variantOf(state, past));
  }
}
