// One person's part in a visit: what they see of it (the room) and what they do in it, kept true over whatever the connection goes through.
// It owns the room's state and the words on their way; the world outside is handed in. Touches no DOM.

import { Acts } from "./acts.js";
import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";

/** @import {Act} from "./acts.js" */
/** @import {Link, Outside} from "./connection.js" */
/** @import {Checked, ClientMessage, Hearing, Media, ServerMessage, View} from "./protocol.js" */
/** @import {Happening} from "./room.js" */

/** @typedef {{
 *   changed: () => void,
 *   happened: (happenings: Happening[]) => void,
 *   linked: (link: Link) => void,
 *   switched: (media: Media) => void,
 *   refused: (code: string, asked: string, about: string) => void,
 * }} Watcher linked: this link plays now; switched: the room changed what I send; refused: `asked` is the type of a message, `about` whom or
 *   what it was about */

/** A page hidden for longer may have lost its websocket without being told (milliseconds). */
const sleptLong = 10_000;

export class Session {
  room = new Room();
  /** What I send, or mean to. @type {Media} */
  media = { microphone: false, camera: false, screen: false };

  #outside;
  #watcher;
  #connection;
  /** What was told of my media last. */
  #told = "";
  /** @type {View} */
  #view = "all";
  /** @type {"" | "good" | "weak" | "bad"} */
  #line = "";
  /** @type {Checked | null} */
  #check = null;
  /** My answer to whether anyone can hear me, and since when the private time is on that it is for. @type {{answer: Hearing, since: string} | null} */
  #hearing = null;

  /** @param {Outside & {newID: () => string}} outside @param {Watcher} watcher */
  constructor(outside, watcher) {
    this.#outside = outside;
    this.#watcher = watcher;
    this.#connection = new Connection(outside, {
      sending: () => {
        this.#told = JSON.stringify(this.media);
        return this.media;
      },
      take: (message) => this.#take(message),
      arrived: (messages) => this.#arrived(messages),
      linked: (link) => watcher.linked(link),
      seen: () => (this.room.place === "visit" ? this.room.expected : []),
      cut: () => this.#shut(),
      changed: () => this.#changed(),
    });
    const overdue = () => this.#connection.doubt();
    /** What I did that does not show yet. */
    this.acts = new Acts({ ...outside, overdue, send: (act) => this.#say(act), undone: (act) => this.#cannot(act) });
    /** What I said that the server has not acknowledged, to show below the chat. */
    this.lines = new Outbox({ ...outside, overdue, send: ({ id, text, private: confided }) => this.#say({ type: "chat", id, text, private: confided }) });
    /** The same of what I told those who wait. */
    this.notes = new Outbox({ ...outside, overdue, send: ({ id, text, member, ready }) => this.#say({ type: "tell", id, member, text, ready }) });
  }

  get state() {
    return this.#connection.state;
  }

  /** Whether this is the end: only a new session comes back. */
  get over() {
    return this.#connection.over;
  }

  /** How often we have tried to join since we were last in. */
  get attempt() {
    return this.#connection.attempt;
  }

  /** Since when something is lost (milliseconds of the outside's clock), 0 while nothing is. */
  get lostAt() {
    return this.#connection.lostAt;
  }

  /** Joins, in the tap. @param {Media} media what I mean to send */
  start(media) {
    this.media = media;
    this.#connection.start();
  }

  /** Leaves the visit. */
  leave() {
    this.#say({ type: "bye" });
    this.#connection.finish("left");
  }

  /** Tries at once instead of at the end of the wait. */
  hurry() {
    this.#connection.hurry();
  }

  /** The network is back, or is another one. */
  networkChanged() {
    this.#connection.networkChanged();
  }

  /** The page is looked at again. @param {number} hiddenFor milliseconds */
  shown(hiddenFor) {
    this.#connection.hurry();
    if (hiddenFor >= sleptLong) this.#connection.doubt();
  }

  /** What I send has changed. @param {Media} media */
  setMedia(media) {
    this.media = media;
    if (this.#connection.open) this.#sayMedia();
  }

  /** The link has more lines than were offered, to send a screen. */
  offer() {
    this.#connection.offer();
  }

  /** @param {string} text @returns {string} its id in `lines` */
  say(text) {
    const id = this.#outside.newID();
    // They may be long on their way, and private time over when they come: then they are for nobody.
    this.lines.add(id, text, { private: this.room.private !== "" });
    this.#watcher.changed();
    return id;
  }

  /** Says again what was refused. @param {string} id of `lines` */
  sayAgain(id) {
    this.lines.again(id, this.room.private !== "");
    this.#watcher.changed();
  }

  /** @param {string} member who waits, "" for all of them @param {string} text @param {string} ready see Note @returns {string} its id in `notes` */
  tell(member, text, ready = "") {
    const id = this.#outside.newID();
    this.notes.add(id, text, { member, ready });
    this.#watcher.changed();
    return id;
  }

  /** Lets somebody in who waits. @param {string} member */
  admit(member) {
    this.#act({ type: "admit", member });
  }

  /** Sends somebody away who waits; they may knock again. @param {string} member */
  decline(member) {
    this.#act({ type: "decline", member });
  }

  /** Moves somebody back to the waiting room. @param {string} member */
  return(member) {
    this.#act({ type: "return", member });
  }

  /** Shows somebody out and withdraws their invitation. @param {string} member */
  remove(member) {
    this.#act({ type: "remove", member });
  }

  /** Hands the visit over to another clinician. @param {string} member */
  lead(member) {
    this.#act({ type: "lead", member });
  }

  /** Begins or ends private time. @param {boolean} on */
  private(on) {
    this.#act({ type: "private", on });
  }

  /** Whether anyone can hear me. It must not get lost, and a screen that says so would tell who looks on. @param {Hearing} answer */
  hearing(answer) {
    this.#hearing = { answer, since: this.room.private };
    if (this.#inVisit) this.#sayHearing();
  }

  /** @param {string} member an interpreter, perhaps me @param {boolean} on whether they sign */
  sign(member, on) {
    this.#act({ type: "sign", member, on });
  }

  /** Ends the visit for everyone. */
  end() {
    this.#act({ type: "end" });
  }

  /** What video I want. @param {View} video */
  view(video) {
    if (video === this.#view) return;
    this.#view = video;
    if (this.#inVisit) this.#say({ type: "view", video });
  }

  /** How my line does. @param {"good" | "weak" | "bad"} line */
  line(line) {
    if (line === this.#line) return;
    this.#line = line;
    if (this.#inVisit) this.#say({ type: "line", line });
  }

  /** The result of the device check; may come before start(). @param {Checked} check */
  check(check) {
    this.#check = check;
    if (this.#connection.open) this.#say({ type: "check", check });
  }

  get #inVisit() {
    return this.#connection.open && this.room.place === "visit";
  }

  #changed() {
    if (this.#connection.state === "reconnecting") this.room.speaking = [];
    if (this.#connection.over) this.acts.clear();
    else if (this.#connection.state !== "in") this.acts.late();
    this.#watcher.changed();
  }

  /** @param {ServerMessage} message */
  #take(message) {
    if (message.type === "error") return this.#refused(message.code, message.asked, message.about);
    const happenings = this.room.apply(message);
    this.#follow(message);
    this.acts.look(this.room);
    this.#watcher.happened(happenings);
    this.#watcher.changed();
  }

  /** We have gone over to another server, which said all this. @param {ServerMessage[]} messages */
  #arrived(messages) {
    const happenings = this.room.arrive(messages);
    for (const message of messages) {
      if (message.type === "error") this.#refused(message.code, message.asked, message.about);
      else this.#follow(message);
    }
    this.acts.look(this.room);
    this.#watcher.happened(happenings);
    this.#watcher.changed();
  }

  /** Does what follows from a message. @param {ServerMessage} message */
  #follow(message) {
    const me = this.room.you.id;
    switch (message.type) {
      case "joined":
        this.acts.open(this.room);
        if (this.#check) this.#say({ type: "check", check: this.#check });
        this.#placed(this.#told !== JSON.stringify(this.media));
        break;
      case "resumed":
        this.acts.open(this.room);
        this.#placed(true);
        break;
      case "place":
        this.#placed(true);
        break;
      case "chat":
        if (message.from.id === me) this.lines.done(message.id);
        break;
      case "told":
        if (message.member !== me) this.notes.done(message.id);
        break;
      case "media":
        this.#switched(message.media);
    }
  }

  /** @param {string} code @param {string} asked @param {string} about */
  #refused(code, asked, about) {
    const words = asked === "chat" ? this.lines : asked === "tell" ? this.notes : null;
    words?.refuse(about, code === "try_later");
    this.acts.refused(asked, about);
    if (!words || code !== "try_later") this.#watcher.refused(code, asked, about);
    this.#watcher.changed();
  }

  /** What I send runs toward the server in the visit and nowhere else. @param {boolean} tell what I send */
  #placed(tell) {
    const inVisit = this.room.place === "visit";
    if (!inVisit) this.media = { ...this.media, screen: false };
    this.#connection.send(inVisit);
    if (!inVisit) return this.#shut();
    if (tell) this.#sayMedia();
    if (this.#view !== "all") this.#say({ type: "view", video: this.#view });
    if (this.#line) this.#say({ type: "line", line: this.#line });
    this.#sayHearing();
    for (const line of this.room.chat) if (line.from.id === this.room.you.id) this.lines.done(line.id);
    this.lines.open();
    this.notes.open();
  }

  #shut() {
    this.lines.shut();
    this.notes.shut();
  }

  /** Only the screen is taken over by others. @param {Media} media */
  #switched(media) {
    if (media.screen || !this.media.screen) return;
    this.media = { ...this.media, screen: false };
    this.#watcher.switched(media);
  }

  #sayMedia() {
    this.#told = JSON.stringify(this.media);
    this.#say({ type: "media", media: this.media });
  }

  /** Also when it may have been told before: the server, or another in its place, may not have heard it. */
  #sayHearing() {
    if (this.#hearing && this.room.private !== "" && this.#hearing.since === this.room.private) this.#say({ type: "hearing", answer: this.#hearing.answer });
  }

  /** @param {Act} act */
  #act(act) {
    if (!this.#connection.open && this.state !== "in") return this.#cannot(act);
    this.acts.ask(act, this.room, this.#connection.open);
    this.#watcher.changed();
  }

  /** @param {Act} message */
  #cannot(message) {
    this.#watcher.refused("try_later", message.type, "member" in message ? message.member : "");
  }

  /** @param {ClientMessage} message */
  #say(message) {
    this.#connection.say(message);
  }
}
