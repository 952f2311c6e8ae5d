// One browser's connection to a visit: pass, websocket and media link, and back to them when something is lost. It owns the websocket and the
// link; the world outside (network, timers, chance) is handed in. Touches no DOM.
//
// Two things can be lost, each without the other. A lost websocket is taken up by a new one while sound and pictures go on. Where nothing
// arrives on the media link, we offer it again with a restart of ICE until something does. Only where the server has given our place up,
// or does not come back, everything is built anew; the old link plays until the new one is in. Where the visit has moved to another server the old
// link plays even longer: until the new one brings all that it brought.

import { afterClose, decode, ProtocolError } from "./protocol.js";
import { Alarm } from "./alarm.js";
import { backoff, soon, urgent, urgentFor } from "./backoff.js";
import { Moving } from "./moving.js";
import { Negotiation } from "./negotiation.js";
import { againAfter, freshFor } from "./relays.js";
import { Wire } from "./wire.js";

/** @import {Clock} from "./alarm.js" */
/** @import {ClientMessage, Media, ServerMessage} from "./protocol.js" */
/** @import {Seen} from "./move.js" */
/** @import {Counts, Negotiated, Offered} from "./negotiation.js" */
/** @import {Relay} from "./relays.js" */
/** @import {Socket} from "./wire.js" */

/** @typedef {{kind: "pass", pass: string, slots: Counts, relays: Relay[]}
 *   | {kind: "over" | "revoked" | "gone" | "too_early" | "consent_needed"}
 *   | {kind: "later", after: number}} PassReply `after`: milliseconds, 0 where the server did not say */

/** What a link tells: nothing arrives any more; something does again; it will never be any good.
 * @typedef {{silent: () => void, alive: () => void, dead: () => void}} LinkEvents */

/** The part of a media link used here; media.js has the real one. send: whether what I send runs toward the server; renew: takes what opens the
 * relays anew, and says whether the link goes by one, so that it has to find its way again; arriving: the mids on which something has come.
 * @typedef {Negotiated & {send: (on: boolean) => Promise<void>, renew: (relays: Relay[]) => boolean, close: () => void, arriving: Set<string>}} Link */

/** @typedef {{link: Link, offers: Negotiation}} Linked */

/** @typedef {Clock & {
 *   getPass: () => Promise<PassReply>,
 *   openSocket: () => Socket,
 *   getRelays: () => Promise<Relay[] | null>,
 *   openLink: (events: LinkEvents, relays: Relay[]) => Link,
 *   now: () => number,
 *   random: () => number,
 * }} Outside now: milliseconds */

/** `joining`: not in yet; `in`: see the room's place; `reconnecting`: was in; `busy`: full or a part is away; `crowded`: my link waits on too many devices; the others are the end.
 * @typedef {"idle" | "joining" | "in" | "reconnecting" | "busy" | "crowded" | "left" | "replaced" | "ended" | "revoked" | "declined" | "consent_needed"
 *   | "gone" | "broken"} State */

/** sending: what I mean to send; take: a message came, joined and resumed first; arrived: the same of all that came where the
 * visit has moved to; linked: a link has taken the place of another; seen: what should
 * be arriving of others; cut: nothing can be said now; changed: the state, or what is lost.
 * @typedef {{sending: () => Media, take: (message: ServerMessage) => void, arrived: (messages: ServerMessage[]) => void,
 *   linked: (link: Link) => void, seen: () => Seen[], cut: () => void, changed: () => void}} Hearer */

/** A join that has brought no answer by then is given up (milliseconds). */
const joinLimit = 12_000;
/** A pass must come sooner while others miss us (milliseconds). */
const passLimit = 5_000;
/** How long to wait before knocking again at a full room (milliseconds). */
const busyWait = 8_000;
/** The same for whoever was in (milliseconds). */
const busyWaitAgain = 1_500;
/** A refused pass is fetched anew so often before we give up: something is wrong that trying will not mend. */
const passTries = 4;
/** The server holds our place so long after the websocket is lost; silence that lasts as long is mended by joining anew (milliseconds). */
const heldFor = 45_000;
/** A websocket lost for less is not worth a word (milliseconds). */
const unnoticed = 1_500;
/** While nothing arrives we offer again so often (milliseconds). */
const restartEvery = 3_000;

const final = new Set(["left", "replaced", "ended", "revoked", "declined", "consent_needed", "gone", "broken"]);

export class Connection {
  /** @type {State} */
  state = "idle";
  /** How often we have tried to join since we were last in. */
  attempt = 0;
  /** The websocket is open and the server knows who we are. */
  open = false;
  /** The link that plays, and the one being made to take its place. @type {Linked | null} */
  #linked = null;
  /** @type {Linked | null} */
  #next = null;
  #outside;
  #hearer;
  #wire;
  /** To another server, where the visit has moved to. */
  #moving;
  /** Takes up a connection whose websocket was lost; "" for none. */
  #token = "";
  /** When the websocket was lost, 0 while it is not. */
  #cutAt = 0;
  /** Since when nothing arrives on the link, 0 while something does. */
  #silentAt = 0;
  /** Tries to come back since the websocket was lost. */
  #tries = 0;
  /** Between two tries. */
  #resting = false;
  /** Counts tries to connect; what an older one still brings is dropped. */
  #turn = 0;
  #refusedPasses = 0;
  #wasIn = false;
  /** Ends a try that takes too long, or the wait before the next. */
  #tryAlarm;
  /** Lets it be seen that the websocket is lost. */
  #noticeAlarm;
  /** Ends the wait for an answer. */
  #answerAlarm;
  #restartAlarm;
  /** Fetches what opens the relays anew. */
  #renewAlarm;

  /** @param {Outside} outside @param {Hearer} hearer */
  constructor(outside, hearer) {
    this.#outside = outside;
    this.#hearer = hearer;
    this.#wire = new Wire(outside);
    this.#moving = new Moving(outside, () => this.#arrive());
    this.#tryAlarm = new Alarm(outside);
    this.#noticeAlarm = new Alarm(outside);
    this.#answerAlarm = new Alarm(outside);
    this.#restartAlarm = new Alarm(outside);
    this.#renewAlarm = new Alarm(outside);
  }

  get over() {
    return final.has(this.state);
  }

  /** Since when something is lost (milliseconds of the outside's clock), 0 while nothing is. */
  get lostAt() {
    const since = [this.#cutAt, this.#silentAt].filter(Boolean);
    return since.length > 0 ? Math.min(...since) : 0;
  }

  start() {
    this.#become("joining");
    void this.#join();
  }

  /** Tries at once instead of at the end of the wait. */
  hurry() {
    if (this.#resting) this.#connect();
  }

  /** The network is back, or is another one: what is on its way on the old one is given up. */
  networkChanged() {
    if (this.open) this.doubt(true);
    else if (this.#cutAt > 0 && !this.over) this.#connect();
    else this.hurry();
  }

  /** Asks for a sign of life. @param {boolean} restart and for new ways through the network */
  doubt(restart = false) {
    if (this.open && !this.#answerAlarm.on) this.#linked?.offers.again({ restart });
  }

  /** Offers again, because the link has more lines. */
  offer() {
    this.#linked?.offers.again();
  }

  /** Whether what I send runs toward the server. @param {boolean} on */
  send(on) {
    const linked = this.#linked;
    linked?.link.send(on).catch(() => this.#dead(linked));
  }

  /** @param {ClientMessage} message */
  say(message) {
    this.#wire.say(message);
  }

  /** @param {State} state one of the ends */
  finish(state) {
    this.#turn++;
    this.#arrive();
    for (const alarm of [this.#tryAlarm, this.#noticeAlarm, this.#answerAlarm, this.#restartAlarm, this.#renewAlarm]) alarm.clear();
    this.#resting = this.open = false;
    this.#closeNext();
    this.#linked?.link.close();
    this.#linked = null;
    this.#wire.close();
    this.#hearer.cut();
    this.#become(state);
  }

  /** Whether the server still holds our place, so that a new websocket can take it up. */
  get #held() {
    return this.#token !== "" && this.#linked !== null && this.#outside.now() - this.#cutAt < heldFor;
  }

  #connect() {
    this.#resting = false;
    if (this.#held) return this.#resume();
    this.#token = "";
    void this.#join();
  }

  #resume() {
    const turn = ++this.#turn;
    this.#tryAlarm.set(this.#wire.openLimit(this.#tries), () => this.#lost(turn, true));
    this.#listen(turn, () => {
      this.#tryAlarm.set(this.#wire.answerLimit, () => this.#lost(turn, true));
      this.say({ type: "resume", token: this.#token });
    });
  }

  /** Builds everything anew: pass, websocket and offer, then join. */
  async #join() {
    const turn = ++this.#turn;
    this.#closeNext();
    if (this.#wasIn) this.#tryAlarm.set(passLimit, () => this.#lost(turn));
    const reply = await this.#outside.getPass().catch(() => /** @type {PassReply} */ ({ kind: "later", after: 0 }));
    if (turn !== this.#turn) return;
    if (reply.kind === "later") return this.#again(reply.after);
    if (reply.kind === "over") return this.finish("ended");
    if (reply.kind === "revoked" || reply.kind === "consent_needed") return this.finish(reply.kind);
    if (reply.kind !== "pass") return this.finish("gone");
    this.#tryAlarm.set(joinLimit, () => this.#lost(turn));
    const open = new Promise((resolve) => this.#listen(turn, () => resolve(null)));
    const { offers } = (this.#next = this.#makeLink(reply.relays));
    if (reply.relays.length > 0) this.#renewAlarm.set(freshFor, () => void this.#renew());
    try {
      const [{ offer, sources }] = await Promise.all([offers.first(reply.slots), open]);
      if (turn === this.#turn) this.say({ type: "join", pass: reply.pass, offer, sources, media: this.#hearer.sending() });
    } catch {
      this.#lost(turn);
    }
  }

  /** @param {number} turn @param {() => void} opened */
  #listen(turn, opened) {
    this.#wire.open({
      opened,
      closed: (code) => this.#closed(turn, code),
      received: (frame) => this.#receive(turn, frame),
    });
  }

  /** What opens the relays is soon out of date. A link that goes by one finds its way again; another has it ready for when it must. */
  async #renew() {
    this.#renewAlarm.set(freshFor, () => void this.#renew());
    const relays = await this.#outside.getRelays().catch(() => null);
    if (this.over) return;
    if (!relays) return this.#renewAlarm.set(againAfter, () => void this.#renew());
    if (this.#linked?.link.renew(relays)) this.#linked.offers.again({ restart: true });
  }

  /** @param {Relay[]} relays */
  #makeLink(relays) {
    const events = {
      silent: () => made === this.#linked && this.#silent(),
      alive: () => made === this.#linked && this.#alive(),
      dead: () => this.#dead(made),
    };
    const link = this.#outside.openLink(events, relays);
    const offer = (/** @type {Offered} */ offered) => this.#offer(made, offered);
    /** @type {Linked} */
    const made = { link, offers: new Negotiation(link, offer, () => this.#dead(made)) };
    return made;
  }

  /** A websocket that leaves an offer without an answer is dead, whatever it says of itself. @param {Linked} linked @param {Offered} offered */
  #offer(linked, offered) {
    if (linked !== this.#linked || !this.open) return; // made anew once we are back
    const turn = this.#turn;
    this.#answerAlarm.set(this.#wire.answerLimit, () => this.#lost(turn, true));
    this.say({ type: "offer", ...offered });
  }

  /** @param {number} turn @param {string} frame */
  #receive(turn, frame) {
    if (turn !== this.#turn) return;
    try {
      const message = decode(frame);
      if (message) this.#take(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.finish("broken");
    }
  }

  /** @param {ServerMessage} message */
  #take(message) {
    const hello = message.type === "joined" || message.type === "resumed";
    if (hello && this.open) throw new ProtocolError(`${message.type} came twice`);
    if (!hello && !this.open) return;
    if (message.type === "moved") return this.#move();
    if (message.type === "joined") this.#joined(message.token, message.answer);
    if (message.type === "resumed") this.#opened(message.token);
    if (message.type === "answer") {
      this.#answerAlarm.clear();
      void this.#linked?.offers.answered(message.answer);
    }
    if (message.type === "need") this.#linked?.offers.again({ slots: { audio: message.audio, video: message.video } });
    if (this.#moving.on) return this.#keepBack(message);
    this.#hearer.take(message);
    if (message.type === "resumed") this.#linked?.offers.renew(this.#silentAt > 0);
  }

  /** @param {string} token @param {string} answer */
  #joined(token, answer) {
    const [old, next] = [this.#linked, this.#next];
    if (!next) throw new ProtocolError("joined came without a join");
    this.#linked = next;
    this.#next = null;
    this.#silentAt = 0;
    this.#restartAlarm.clear();
    if (this.#moving.due) this.#moving.begin(old, this.#hearer.seen(), next.link);
    else old?.link.close();
    this.#opened(token);
    if (!this.#moving.on) this.#hearer.linked(next.link);
    void next.offers.answered(answer);
  }

  /** The visit goes on at another server: we join there, while the old link plays on. */
  #move() {
    this.#arrive();
    this.#moving.due = true;
    this.#token = "";
    this.open = false;
    this.#answerAlarm.clear();
    this.#restartAlarm.clear();
    this.#wire.release();
    this.#hearer.cut();
    void this.#join();
  }

  /** @param {ServerMessage} message */
  #keepBack(message) {
    if (message.type === "joined" || message.type === "place") this.send(message.place === "visit");
    this.#moving.keep(message);
  }

  /** Goes over to the link that we have moved to. */
  #arrive() {
    const [messages, linked] = [this.#moving.arrive(), this.#linked];
    if (!messages || !linked) return;
    this.#wire.settle();
    this.#hearer.linked(linked.link);
    this.#hearer.arrived(messages);
  }

  /** The server knows us again. @param {string} token */
  #opened(token) {
    this.#token = token;
    this.open = this.#wasIn = true;
    this.#cutAt = this.attempt = this.#tries = this.#refusedPasses = 0;
    this.#moving.due = false;
    this.#tryAlarm.clear();
    this.#noticeAlarm.clear();
    if (!this.#moving.on) this.#wire.settle();
    this.state = this.#silentAt > 0 ? "reconnecting" : "in"; // to be seen when the room is, too
  }

  #silent() {
    this.#silentAt = this.#outside.now();
    this.#weigh();
    this.#restart();
  }

  #alive() {
    this.#silentAt = 0;
    this.#restartAlarm.clear();
    this.#weigh();
  }

  /** Offers new ways through the network, again and again until something arrives. */
  #restart() {
    if (this.#outside.now() - this.#silentAt >= heldFor) return this.#dead(this.#linked);
    this.#restartAlarm.set(restartEvery, () => this.#restart());
    if (this.open) this.#linked?.offers.again({ restart: true });
  }

  /** No restart will mend this link. @param {Linked | null} linked */
  #dead(linked) {
    if (linked === null || (linked !== this.#linked && linked !== this.#next)) return;
    if (linked === this.#linked && this.#next) return; // about to be replaced
    if (linked === this.#linked) this.#token = "";
    this.#lost(this.#turn);
  }

  /** @param {number} turn @param {number} code */
  #closed(turn, code) {
    if (turn !== this.#turn || this.over) return;
    const outcome = afterClose(code);
    if (code === 4401 && ++this.#refusedPasses >= passTries) return this.finish("broken");
    if (outcome === "rejoin") this.#token = "";
    if (outcome === "resume" || outcome === "rejoin" || (outcome === "busy" && this.#held)) return this.#lost(turn, code === 4404);
    if (outcome !== "busy" && outcome !== "crowded") return this.finish(outcome);
    this.#again(this.#wasIn ? busyWaitAgain : busyWait);
    this.#become(outcome);
  }

  /** The websocket is gone, or no good. @param {number} turn @param {boolean} slow it took too long: the next try need not wait */
  #lost(turn, slow = false) {
    if (turn === this.#turn && !this.over) this.#again(0, slow);
  }

  /** @param {number} after milliseconds that the server asked for, or 0 @param {boolean} slow */
  #again(after, slow = false) {
    this.#turn++;
    this.#arrive();
    this.#wire.release();
    this.#closeNext();
    this.open = false;
    this.#answerAlarm.clear();
    this.#hearer.cut();
    if (this.#wasIn && this.#cutAt === 0) {
      this.#cutAt = this.#outside.now();
      this.#noticeAlarm.set(unnoticed, () => this.#weigh());
    }
    this.#resting = true;
    this.#tryAlarm.set(Math.max(after, this.#wait(slow ? 0 : this.#tries)), () => this.#connect());
    this.#tries++;
    this.#weigh();
  }

  /** How long to wait before the next try. @param {number} tries @returns {number} milliseconds */
  #wait(tries) {
    const chance = this.#outside.random();
    if (!this.#held) this.attempt++;
    if (this.#cutAt > 0 && this.#outside.now() - this.#cutAt < urgentFor) return urgent(tries, chance);
    return this.#held ? soon(tries, chance) : backoff(this.attempt - 1, chance);
  }

  /** Becomes what the two things that can be lost make of us. */
  #weigh() {
    const noticed = this.#silentAt > 0 || (this.#cutAt > 0 && this.#outside.now() - this.#cutAt >= unnoticed);
    const busy = (this.state === "busy" || this.state === "crowded") && !this.open;
    if (!busy && !this.over) this.#become(!this.#wasIn ? "joining" : noticed ? "reconnecting" : "in");
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#hearer.changed();
  }

  #closeNext() {
    this.#next?.link.close();
    this.#next = null;
  }
}
