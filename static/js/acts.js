// What a person did to others or to the visit and does not see done yet. The server answers each act by what everybody sees of it, or by an error,
// and a websocket that is dead already swallows it in silence: so each is kept until one of the two has come. Pure: sending and the clock are handed in.

import { Alarm } from "./alarm.js";

/** @import {Clock} from "./alarm.js" */
/** @import {ClientMessage} from "./protocol.js" */
/** @import {Room} from "./room.js" */

/** @typedef {Extract<ClientMessage, {type: "admit" | "return" | "decline" | "remove" | "lead" | "private" | "sign" | "end"}>} Act */
/** @typedef {{act: Act, since: string, sent: boolean, late: boolean}} Pending since: when the member came to their place, as it was then; sent: on
 * some websocket; late: the connection was lost for so long that it is not to be done any more */

/** An act that neither shows nor is refused by then makes us doubt the connection (milliseconds). */
const overdueAfter = 5000;

/** @param {ClientMessage} act */
const about = (act) => ("member" in act ? act.member : "");

export class Acts {
  /** By type and member. @type {Map<string, Pending>} */
  #pending = new Map();
  #outside;
  #alarm;

  /** @param {Clock & {send: (act: Act) => void, overdue: () => void, undone: (act: Act) => void}} outside undone: it was not done, and will not be */
  constructor(outside) {
    this.#outside = outside;
    this.#alarm = new Alarm(outside);
  }

  /** Whether such an act is under way. @param {Act["type"]} type @param {string} [member] */
  busy(type, member = "") {
    return this.#pending.has(`${type} ${member}`);
  }

  /** Whether anything is under way about a member. @param {string} member */
  busyWith(member) {
    return [...this.#pending.values()].some(({ act }) => about(act) === member);
  }

  /** @param {Act} act @param {Room} room @param {boolean} open whether it can be sent at once */
  ask(act, room, open) {
    const key = `${act.type} ${about(act)}`;
    if (this.busy(act.type, about(act)) && !("on" in act)) return; // pressed twice
    this.#pending.set(key, { act, since: room.members.get(about(act))?.since ?? "", sent: open, late: false });
    if (open) this.#send(act);
    this.look(room);
  }

  /** The room has changed: what shows is done. @param {Room} room */
  look(room) {
    for (const [key, pending] of this.#pending) if (done(pending, room)) this.#pending.delete(key);
    if (this.#pending.size === 0) this.#alarm.clear();
  }

  /** The server would not do it. @param {string} type @param {string} member */
  refused(type, member) {
    this.#pending.delete(`${type} ${member}`);
    if (this.#pending.size === 0) this.#alarm.clear();
  }

  /** The connection is lost for longer than a moment: nothing of this is done all of a sudden when it is back, since the room may be another by then. What
   * was sent may have been done, which the room tells. */
  late() {
    this.#alarm.clear();
    for (const [key, pending] of this.#pending) {
      pending.late = true;
      if (!pending.sent) this.#drop(key, pending);
    }
  }

  /** A connection can take acts again. @param {Room} room as it is now */
  open(room) {
    this.look(room);
    for (const [key, pending] of this.#pending) {
      if (pending.late) this.#drop(key, pending);
      else {
        pending.sent = true;
        this.#send(pending.act);
      }
    }
  }

  /** Nothing can be done any more. */
  clear() {
    this.#pending.clear();
    this.#alarm.clear();
  }

  /** @param {Act} act */
  #send(act) {
    this.#alarm.set(overdueAfter, this.#outside.overdue);
    this.#outside.send(act);
  }

  /** @param {string} key @param {Pending} pending */
  #drop(key, { act }) {
    this.#pending.delete(key);
    this.#outside.undone(act);
  }
}

/** Whether the room shows an act as done, or has gone past it. @param {Pending} pending @param {Room} room */
function done({ act, since }, room) {
  if (room.place !== "visit") return true; // I was moved out, and see that
  const member = room.members.get(about(act));
  switch (act.type) {
    case "admit":
    case "return":
      return !member || member.since !== since || member.place === (act.type === "admit" ? "visit" : "waiting");
    case "decline": // they may knock again
      return !member || (member.place === "waiting" && member.since !== since);
    case "remove":
      return !member;
    case "lead":
      return !member || room.leader === act.member;
    case "sign":
      return act.member === room.you.id ? room.signing === act.on : !member || member.signing === act.on;
    case "private":
      return (room.private !== "") === act.on;
    default:
      return false; // the end of a visit closes the connection
  }
}
