// The visit as this member may see it, built up from the server's messages: who is here, who waits, what each slot shows, what was said.
// It is changed by apply() and disconnect() alone, and touches no DOM.

/** @import {Line, Member, Note, Person, Place, Position, Resumed, ServerMessage, SlotEntry, Source, Why} from "./protocol.js" */

/** What a change means to somebody who listens rather than looks. `moved`: to another place, and why; `private`: private time began or
 * ended; `lead`: somebody (perhaps I) leads now; `away` and `back`: a connection was lost, and is there again; `told`: I, who wait, was told
 * something; `delivered`: what I told `to` was; `hearing`: the patient said who can hear them; `signing` and `shares`: an interpreter signs, a screen is shared, or no more.
 * @typedef {{what: "came" | "left" | "waits" | "away" | "back" | "hearing", member: Member} | {what: "said", line: Line}
 *   | {what: "moved", place: Place, why: Why} | {what: "private", on: boolean} | {what: "lead", member: Person, me: boolean}
 *   | {what: "told", note: Note} | {what: "delivered", note: Note, to: string} | {what: "signing" | "shares", member: Member, on: boolean}} Happening */

export class Room {
  constructor() {
    /** @type {Person} */
    this.you = { id: "", name: "", role: "" };
    /** @type {Place | ""} */
    this.place = "";
    /** Why I wait. @type {Why} */
    this.why = "";
    /** When I came to this place, RFC 3339. */
    this.since = "";
    /** Since when private time is on, RFC 3339; "" while it is off. */
    this.private = "";
    /** When the first person who had to be admitted came in, RFC 3339; "" before. */
    this.started = "";
    /** Whether I, an interpreter, sign. */
    this.signing = false;
    /** @type {Set<string>} */
    this.may = new Set();
    /** Everybody but me, in the order they came. @type {Map<string, Member>} */
    this.members = new Map();
    /** What each slot shows, by mid. @type {Map<string, SlotEntry>} */
    this.slots = new Map();
    /** @type {Line[]} */
    this.chat = [];
    /** What I, who wait, was told. @type {Note[]} */
    this.told = [];
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

  /** Who leads the visit; "" for nobody. Nobody is told of themselves: a clinician leads where no other does. @returns {string} */
  get leader() {
    const mine = this.place === "visit" && this.you.role === "clinician";
    return this.others.find((m) => m.lead)?.id ?? (mine ? this.you.id : "");
  }

  /** Who shows their screen, if anybody else does. @returns {Member | undefined} */
  get sharer() {
    return this.others.find((m) => m.media.screen);
  }

  /**
   * The slot that shows a member's source.
   * @param {string} member
   * @param {Source} source
   * @returns {string | undefined} its mid
   */
  slotOf(member, source) {
    for (const entry of this.slots.values()) {
      if (entry.member === member && entry.source === source) return entry.mid;
    }
    return undefined;
  }

  /** What of others' sound and pictures should be arriving. @returns {SlotEntry[]} */
  get expected() {
    return [...this.slots.values()].filter(({ member, source }) => {
      const sender = this.members.get(member);
      return sender && !sender.away && sender.media[source === "screen_audio" ? "screen" : source];
    });
  }

  /** Whether somebody else's sound or picture should be arriving. */
  get expectsMedia() {
    return this.expected.length > 0;
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
        this.disconnect();
        return this.#moved(message);
      case "resumed":
        return this.#resumed(message);
      case "place":
        this.disconnect();
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
      case "told":
        return this.#told(message.member, { id: message.id, text: message.text, ready: message.ready, at: message.at });
      case "private":
        return this.#private(message.since);
      case "signing":
        this.signing = message.on;
        return [];
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

  /**
   * The websocket was lost and is back, and sound and pictures went on: what happened meanwhile is told as if it happened now.
   * @param {Resumed} message
   * @returns {Happening[]}
   */
  #resumed(message) {
    const [before, chat] = [[...this.members.values()], this.chat];
    const stayed = this.place === message.place;
    this.you = message.you;
    this.speaking = [];
    if (!stayed) this.disconnect();
    const happened = this.#moved(message);
    return stayed ? [...happened, ...this.#since(before, chat)] : happened;
  }

  /**
   * The visit has moved to another server: what was said there until we went over is one change.
   * @param {ServerMessage[]} messages
   * @returns {Happening[]}
   */
  arrive(messages) {
    const [place, before, chat] = [this.place, [...this.members.values()], this.chat];
    const happened = messages.flatMap((message) => this.apply(message)).filter(({ what }) => ["moved", "private", "told", "delivered"].includes(what));
    return place === this.place ? [...happened, ...this.#since(before, chat)] : happened;
  }

  /** What is new about who is here and what was said. @param {Member[]} before @param {Line[]} chat @returns {Happening[]} */
  #since(before, chat) {
    /** @type {Happening[]} */
    const happened = [];
    for (const old of before) if (!this.members.has(old.id)) happened.push({ what: "left", member: old });
    const known = new Map(before.map((m) => [m.id, m]));
    for (const member of this.members.values()) happened.push(...differences(known.get(member.id), member));
    for (const line of this.chat) if (!chat.some((each) => same(each, line))) happened.push({ what: "said", line });
    return happened;
  }

  /** @param {Position} message @returns {Happening[]} */
  #moved(message) {
    const [place, since, told] = [this.place, this.private, this.told];
    this.place = message.place;
    this.why = message.why;
    this.since = message.since;
    this.private = message.private;
    this.started = message.started;
    this.signing = message.signing;
    this.may = new Set(message.may);
    this.members = new Map(message.members.filter((m) => m.id !== this.you.id).map((m) => [m.id, m]));
    this.chat = message.chat;
    this.told = message.told;
    if (place !== message.place) return [{ what: "moved", place: message.place, why: message.why }];
    /** @type {Happening[]} */
    const happened = [];
    if ((since === "") !== (message.private === "")) happened.push({ what: "private", on: message.private !== "" });
    for (const note of this.told) if (!told.some((each) => each.id === note.id)) happened.push({ what: "told", note });
    return happened;
  }

  /** @param {Member} member @returns {Happening[]} */
  #changed(member) {
    if (member.id === this.you.id) return [];
    const [before, leader] = [this.members.get(member.id), this.leader];
    this.members.set(member.id, member);
    if (this.place === "visit" && this.started === "" && member.place === "visit" && member.role !== "clinician") this.started = member.since;
    return [...differences(before, member), ...this.#led(leader)];
  }

  /** @param {string} id @returns {Happening[]} */
  #left(id) {
    const member = this.members.get(id);
    this.members.delete(id);
    this.speaking = this.speaking.filter((each) => each !== id);
    return member ? [{ what: "left", member }] : [];
  }

  /** @param {string} before who led @returns {Happening[]} */
  #led(before) {
    const { leader } = this;
    if (leader === before || leader === "") return [];
    return [{ what: "lead", member: this.members.get(leader) ?? this.you, me: leader === this.you.id }];
  }

  /** @param {Line} line @returns {Happening[]} */
  #said(line) {
    if (this.chat.some((each) => same(each, line))) return [];
    this.chat = [...this.chat, line];
    return [{ what: "said", line }];
  }

  /** Only words to me are kept; what I told others is acknowledged so. @param {string} member @param {Note} note @returns {Happening[]} */
  #told(member, note) {
    if (member !== this.you.id) return [{ what: "delivered", note, to: member }];
    if (this.told.some((each) => each.id === note.id)) return [];
    this.told = [...this.told, note];
    return [{ what: "told", note }];
  }

  /** @param {string} since @returns {Happening[]} */
  #private(since) {
    const before = this.private;
    this.private = since;
    return (before === "") === (since === "") ? [] : [{ what: "private", on: since !== "" }];
  }
}

/** @param {Line} a @param {Line} b */
const same = (a, b) => a.id === b.id && a.from.id === b.from.id;

/**
 * What changed about a member, for who listens.
 * @param {Member | undefined} before
 * @param {Member} after
 * @returns {Happening[]}
 */
function differences(before, after) {
  if (before?.place !== after.place) return [{ what: after.place === "visit" ? "came" : "waits", member: after }];
  /** @type {Happening[]} */
  const happened = [];
  if (before.away !== after.away) happened.push({ what: after.away ? "away" : "back", member: after });
  if (before.signing !== after.signing) happened.push({ what: "signing", member: after, on: after.signing });
  if (before.media.screen !== after.media.screen) happened.push({ what: "shares", member: after, on: after.media.screen });
  if (after.hearing !== "" && before.hearing !== after.hearing) happened.push({ what: "hearing", member: after });
  return happened;
}
