// One person's way through a visit: pass, websocket, offer, place, and all of it again when the connection is lost. It owns the room's state,
// the socket and the media link; the world outside (network, timers, chance) is handed in. Touches no DOM.

import { afterClose, decode, encode, ProtocolError } from "./protocol.js";
import { backoff } from "./backoff.js";
import { Room } from "./room.js";

/** @import {ClientMessage, Sending, ServerMessage, Source} from "./protocol.js" */
/** @import {Happening} from "./room.js" */

/** @typedef {{kind: "pass", pass: string, slots: {audio: number, video: number}}
 *   | {kind: "over" | "revoked" | "gone" | "too_early"}
 *   | {kind: "later", after: number}} PassReply `after`: milliseconds, 0 where the server did not say */

/** @typedef {{offer: string, sources: Record<string, Source>}} Offered */

/** The part of a WebSocket used here.
 * @typedef {{send: (frame: string) => void, close: (code?: number) => void, onopen: ((e: any) => void) | null,
 *   onmessage: ((e: any) => void) | null, onclose: ((e: any) => void) | null}} Socket */

/** The part of a media link used here; media.js has the real one.
 * @typedef {{offer: (slots: {audio: number, video: number}) => Promise<Offered>, accept: (answer: string) => Promise<void>,
 *   send: (on: boolean) => Promise<void>, close: () => void}} Link */

/** @typedef {{
 *   getPass: () => Promise<PassReply>,
 *   openSocket: () => Socket,
 *   openLink: (onLost: () => void) => Link,
 *   later: (call: () => void, ms: number) => unknown,
 *   forget: (timer: any) => void,
 *   random: () => number,
 *   newID: () => string,
 * }} Outside */

/** `joining`: not in yet; `in`: see the room's place; `reconnecting`: was in; `busy`: full or a part is away; the others are the end.
 * @typedef {"idle" | "joining" | "in" | "reconnecting" | "busy" | "left" | "replaced" | "ended" | "revoked" | "declined" | "gone" | "broken"} State */

/** @typedef {{
 *   changed: () => void,
 *   happened: (happenings: Happening[]) => void,
 *   linked: (link: Link) => void,
 *   refused: (code: string, asked: string) => void,
 * }} Watcher `asked`: the type of the message that was refused, as far as can be told */

/** A join that has brought no answer by then is given up (milliseconds). */
const joinLimit = 12_000;
/** How long to wait before knocking again at a full room (milliseconds). */
const busyWait = 8_000;
/** A refused pass is fetched anew so often before we give up: something is wrong that trying will not mend. */
const passTries = 4;

const final = new Set(["left", "replaced", "ended", "revoked", "declined", "gone", "broken"]);

export class Session {
  /** @type {State} */
  state = "idle";
  room = new Room();
  /** How often we have tried since we were last in. */
  attempt = 0;
  /** My words that have not come back yet, by id. @type {Map<string, string>} */
  pending = new Map();
  /** @type {Sending} */
  media = { microphone: false, camera: false };

  #outside;
  #watcher;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {Link | null} */
  #link = null;
  /** Ends a join that brings no answer, or the wait before the next try. @type {unknown} */
  #timer = null;
  /** Between two tries. */
  #resting = false;
  /** Counts connections; what an older one still brings is dropped. */
  #turn = 0;
  #refusedPasses = 0;
  #wasIn = false;
  /** An offer is under way. */
  #offering = false;
  /** What to offer for when the present offer is answered. @type {{audio: number, video: number} | null} */
  #needed = null;
  /** The type of the message sent last. */
  #asked = "";

  /** @param {Outside} outside @param {Watcher} watcher */
  constructor(outside, watcher) {
    this.#outside = outside;
    this.#watcher = watcher;
  }

  get over() {
    return final.has(this.state);
  }

  /** Joins, in the tap. @param {Sending} media what I mean to send */
  start(media) {
    this.media = media;
    this.#become("joining");
    void this.#connect();
  }

  /** Tries at once instead of at the end of the wait, for instance when the network is back. */
  hurry() {
    if (!this.#resting) return;
    this.#outside.forget(this.#timer);
    void this.#connect();
  }

  /** Leaves the visit. */
  leave() {
    this.#say({ type: "bye" });
    this.#finish("left");
  }

  /** @param {Sending} media */
  setMedia(media) {
    this.media = media;
    if (this.state === "in") this.#say({ type: "media", media });
  }

  /** @param {string} text @returns {string} its id */
  say(text) {
    const id = this.#outside.newID();
    this.pending.set(id, text);
    if (this.state === "in" && this.room.place === "visit") this.#say({ type: "chat", id, text });
    this.#watcher.changed();
    return id;
  }

  /** @param {string} member */
  admit(member) {
    this.#say({ type: "admit", member });
  }

  end() {
    this.#say({ type: "end" });
  }

  /** Begins a connection: pass, socket and offer, then join. */
  async #connect() {
    const turn = ++this.#turn;
    this.#timer = null;
    this.#resting = false;
    this.#drop();
    const reply = await this.#outside.getPass().catch(() => /** @type {PassReply} */ ({ kind: "later", after: 0 }));
    if (turn !== this.#turn) return;
    if (reply.kind === "later") return this.#again(reply.after);
    if (reply.kind === "over") return this.#finish("ended");
    if (reply.kind === "revoked") return this.#finish("revoked");
    if (reply.kind !== "pass") return this.#finish("gone");
    this.#timer = this.#outside.later(() => this.#lost(turn), joinLimit);
    const socket = this.#outside.openSocket();
    this.#socket = socket;
    const open = new Promise((resolve) => (socket.onopen = resolve));
    socket.onclose = (e) => this.#closed(turn, e.code);
    socket.onmessage = (e) => this.#receive(turn, e.data);
    const link = this.#outside.openLink(() => this.#lost(turn));
    this.#link = link;
    try {
      const [{ offer, sources }] = await Promise.all([link.offer(reply.slots), open]);
      if (turn !== this.#turn) return;
      this.#offering = true;
      this.#say({ type: "join", pass: reply.pass, offer, sources, media: this.media });
    } catch {
      this.#lost(turn);
    }
  }

  /** @param {number} turn @param {string} frame */
  #receive(turn, frame) {
    if (turn !== this.#turn) return;
    try {
      const message = decode(frame);
      if (message) this.#take(turn, message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#finish("broken");
    }
  }

  /** @param {number} turn @param {ServerMessage} message */
  #take(turn, message) {
    if (message.type === "error") return this.#refused(message.code);
    const happenings = this.room.apply(message);
    if (message.type === "joined") this.#joined();
    if (message.type === "joined" || message.type === "answer") void this.#accept(turn, message.answer);
    if (message.type === "joined" || message.type === "place") this.#placed(message.type === "place");
    if (message.type === "need") {
      this.#needed = { audio: message.audio, video: message.video };
      void this.#offerMore(turn);
    }
    if (message.type === "chat" && message.from.id === this.room.you.id) this.pending.delete(message.id);
    this.#watcher.happened(happenings);
    this.#watcher.changed();
  }

  /** The server does not say what it refused: it was the last thing asked. @param {string} code */
  #refused(code) {
    if (code === "not_allowed" && this.#asked === "chat") this.pending.clear();
    this.#watcher.refused(code, this.#asked);
  }

  #joined() {
    this.#outside.forget(this.#timer);
    this.#timer = null;
    this.attempt = 0;
    this.#refusedPasses = 0;
    this.#wasIn = true;
    this.state = "in";
    if (this.#link) this.#watcher.linked(this.#link);
  }

  /** Camera and microphone run toward the server in the visit and nowhere else. @param {boolean} moved */
  #placed(moved) {
    const inVisit = this.room.place === "visit";
    this.#link?.send(inVisit).catch(() => this.#lost(this.#turn));
    if (!inVisit) return;
    if (moved) this.#say({ type: "media", media: this.media });
    for (const line of this.room.chat) this.pending.delete(line.id);
    for (const [id, text] of this.pending) this.#say({ type: "chat", id, text });
  }

  /** @param {number} turn @param {string} answer */
  async #accept(turn, answer) {
    try {
      await this.#link?.accept(answer);
    } catch {
      return this.#lost(turn);
    }
    if (turn !== this.#turn) return;
    this.#offering = false;
    this.#watcher.changed();
    void this.#offerMore(turn);
  }

  /** One offer at a time: a need that comes meanwhile waits for the answer. @param {number} turn */
  async #offerMore(turn) {
    if (this.#offering || !this.#needed || !this.#link) return;
    const slots = this.#needed;
    this.#needed = null;
    this.#offering = true;
    try {
      const { offer, sources } = await this.#link.offer(slots);
      if (turn === this.#turn) this.#say({ type: "offer", offer, sources });
    } catch {
      this.#lost(turn);
    }
  }

  /** @param {number} turn @param {number} code */
  #closed(turn, code) {
    if (turn !== this.#turn || this.over) return;
    const outcome = afterClose(code);
    if (code === 4401 && ++this.#refusedPasses >= passTries) return this.#finish("broken");
    if (outcome === "rejoin" || outcome === "resume") return this.#lost(turn);
    if (outcome === "busy") return this.#busy();
    this.#finish(outcome);
  }

  /** The connection is gone, or no good: build a new one. @param {number} turn */
  #lost(turn) {
    if (turn !== this.#turn || this.over) return;
    this.#again(0);
  }

  #busy() {
    this.#again(busyWait);
    this.#become("busy");
  }

  /** @param {number} after milliseconds that the server asked for, or 0 */
  #again(after) {
    this.#turn++;
    this.#outside.forget(this.#timer);
    this.#drop();
    this.room.disconnect();
    const wait = Math.max(after, backoff(this.attempt++, this.#outside.random()));
    this.#timer = this.#outside.later(() => void this.#connect(), wait);
    this.#resting = true;
    this.#become(this.#wasIn ? "reconnecting" : "joining");
  }

  /** @param {State} state one of the ends */
  #finish(state) {
    this.#turn++;
    this.#outside.forget(this.#timer);
    this.#timer = null;
    this.#resting = false;
    this.#drop();
    this.#become(state);
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#watcher.changed();
  }

  #drop() {
    const [socket, link] = [this.#socket, this.#link];
    this.#socket = this.#link = null;
    this.#offering = false;
    this.#needed = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    }
    link?.close();
  }

  /** @param {ClientMessage} message */
  #say(message) {
    this.#asked = message.type;
    try {
      this.#socket?.send(encode(message));
    } catch {
      // A socket that is not open: its close event, or the join limit, starts the next turn.
    }
  }
}
