// The visit as this member may see it, built up from the server's messages: who is here, who waits, what each slot shows, what was said.
// It is changed by apply() and disconnect() alone, and touches no DOM.

/** @import {Joined, Line, Member, Person, Place, Placed, ServerMessage, SlotEntry} from "./protocol.js" */

/** What a change means to somebody who listens rather than looks.
 * @typedef {{what: "came" | "left" | "waits", member: Member} | {what: "said", line: Line} | {what: "moved", place: Place}} Happening */

export class Room {
  constructor() {
    /** @type {Person} */
    this.you = { id: "", name: "", role: "" };
    /** @type {Place | ""} */
    this.place = "";
    /** When I came to this place, RFC 3339. */
    this.since = "";
    /** @type {Set<string>} */
    this.may = new Set();
    /** Everybody but me, in the order they came. @type {Map<string, Member>} */
    this.members = new Map();
    /** What each slot shows, by mid. @type {Map<string, SlotEntry>} */
    this.slots = new Map();
    /** @type {Line[]} */
    this.chat = [];
    /** Members who speak now, loudest first. @type {string[]} */
    this.speaking = [];
  }

  /** Others in the visit. @returns {Member[]} */
  get others() {
    return [...this.members.values()].filter((m) => m.place === "visit");
  }

  /** Those who wait, longest first. @returns {Member[]} */
  get waiting() {
    return [...this.members.values()]
      .filter((m) => m.place === "waiting")
      .sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
  }

  /**
   * The slot that shows a member's source.
   * @param {string} member
   * @param {"microphone" | "camera"} source
   * @returns {string | undefined} its mid
   */
  slotOf(member, source) {
    for (const entry of this.slots.values()) {
      if (entry.member === member && entry.source === source) return entry.mid;
    }
    return undefined;
  }

  /** Whether somebody else's sound or picture should be arriving. */
  get expectsMedia() {
    for (const entry of this.slots.values()) {
      if (this.members.get(entry.member)?.media[entry.source]) return true;
    }
    return false;
  }

  /**
   * Takes a message in.
   * @param {ServerMessage} message
   * @returns {Happening[]}
   */
  apply(message) {
    switch (message.type) {
      case "joined":
        this.you = message.you;
        return this.#moved(message);
      case "place":
        return this.#moved(message);
      case "slots":
        this.slots = new Map(message.slots.map((entry) => [entry.mid, entry]));
        return [];
      case "member":
        return this.#changed(message.member);
      case "left":
        return this.#left(message.member);
      case "chat":
        return this.#said({ id: message.id, from: message.from, text: message.text, at: message.at });
      case "speaking":
        this.speaking = message.members;
        return [];
      default:
        return [];
    }
  }

  /** The connection is gone: nobody is heard or seen until the server says so again. */
  disconnect() {
    this.speaking = [];
    this.slots = new Map();
  }

  /** @param {Joined | Placed} message @returns {Happening[]} */
  #moved(message) {
    const before = this.place;
    this.place = message.place;
    this.since = message.since;
    this.may = new Set(message.may);
    this.members = new Map(message.members.filter((m) => m.id !== this.you.id).map((m) => [m.id, m]));
    this.chat = message.chat;
    this.disconnect();
    return before === message.place ? [] : [{ what: "moved", place: message.place }];
  }

  /** @param {Member} member @returns {Happening[]} */
  #changed(member) {
    if (member.id === this.you.id) return [];
    const before = this.members.get(member.id);
    this.members.set(member.id, member);
    if (before?.place === member.place) return [];
    return [{ what: member.place === "visit" ? "came" : "waits", member }];
  }

  /** @param {string} id @returns {Happening[]} */
  #left(id) {
    const member = this.members.get(id);
    this.members.delete(id);
    this.speaking = this.speaking.filter((each) => each !== id);
    return member ? [{ what: "left", member }] : [];
  }

  /** @param {Line} line @returns {Happening[]} */
  #said(line) {
    if (this.chat.some((each) => each.id === line.id && each.from.id === line.from.id)) return [];
    this.chat = [...this.chat, line];
    return [{ what: "said", line }];
  }
}
