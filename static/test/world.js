// A network, a media link, timers and chance made by hand, for the tests of the way through a visit.
import { Session } from "../js/session.js";

/** Lets everything that only waits for promises run. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

const at = "2026-11-24T15:00:00Z";

/** What the server says of a place. */
export const position = (place, more = {}) => ({
  place,
  why: "",
  since: at,
  may: place === "visit" ? ["chat"] : [],
  members: [],
  chat: [],
  told: [],
  private: "",
  started: "",
  signing: false,
  ...more,
});
const you = { id: "me", name: "Me", role: "patient" };
export const joined = (place, more) => ({ type: "joined", you, token: "token-1", answer: "answer-1", ...position(place, more) });
export const resumed = (place, more) => ({ type: "resumed", you, token: "token-2", ...position(place, more) });
export const placed = (place, more) => ({ type: "place", ...position(place, more) });
export const line = (id, text) => ({ id, from: { id: "me", name: "Me" }, text, at });
export const chat = (id, text) => ({ type: "chat", ...line(id, text) });

export class World {
  constructor(random = () => 0.5) {
    this.passes = [];
    this.relays = [];
    this.sockets = [];
    this.links = [];
    this.timers = new Map();
    this.happened = [];
    this.refused = [];
    this.switched = [];
    this.linked = [];
    this.states = [];
    this.ids = 0;
    this.now = 1_000_000;
    this.session = new Session(
      {
        getPass: async () => this.passes.shift() ?? { kind: "pass", pass: `pass-${this.links.length + 1}`, slots: { audio: 3, video: 3 }, relays: [] },
        openSocket: () => this.#socket(),
        getRelays: async () => this.relays.shift() ?? null,
        openLink: (events, relays) => this.#link(events, relays),
        later: (call, ms) => (this.timers.set(++this.ids, { call, due: this.now + ms }), this.ids),
        forget: (id) => this.timers.delete(id),
        now: () => this.now,
        random,
        newID: () => `id-${++this.ids}`,
      },
      {
        changed: () => this.states.at(-1) !== this.session.state && this.states.push(this.session.state),
        happened: (list) => this.happened.push(...list),
        linked: (link) => this.linked.push(link),
        switched: (media) => this.switched.push(media),
        refused: (code, asked, about) => this.refused.push([asked, code, about].filter(Boolean).join(" ")),
      },
    );
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get link() {
    return this.links.at(-1);
  }

  /** What was said on the newest socket, by type. */
  get said() {
    return this.socket.sent.map((message) => message.type);
  }

  /** Lets time go by; timers ring when they are due. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const [id, next] = [...this.timers].sort(([, a], [, b]) => a.due - b.due)[0] ?? [];
      if (!next || next.due > end) break;
      this.timers.delete(id);
      this.now = Math.max(this.now, next.due);
      next.call();
    }
    this.now = end;
  }

  async open() {
    await settle();
    this.socket.readyState = 1;
    this.socket.onopen({});
    await settle();
  }

  async receive(...messages) {
    for (const message of messages) this.socket.onmessage({ data: JSON.stringify(message) });
    await settle();
  }

  async join(place = "visit", more) {
    this.session.start({ microphone: true, camera: true, screen: false });
    await this.open();
    await this.receive(joined(place, more));
  }

  /** The websocket is lost, and a new one opens. */
  async cut(code = 1006) {
    this.socket.onclose({ code });
    await this.pass(100);
    await this.open();
  }

  #socket() {
    const socket = { sent: [], closed: null, readyState: 0 };
    socket.send = (frame) => socket.sent.push(JSON.parse(frame));
    socket.close = (code) => (socket.closed = code ?? "no code");
    this.sockets.push(socket);
    return socket;
  }

  #link(events, relays) {
    const link = { events, relays, relayed: false, arriving: new Set(), offers: [], answers: [], sending: null, closed: false };
    link.offer = async ({ audio }, restart) => {
      link.offers.push(restart ? `restart ${audio}` : `offer ${audio}`);
      return { offer: `offer-${link.offers.length}`, sources: { 0: "microphone" } };
    };
    link.accept = async (answer) => void link.answers.push(answer);
    link.renew = (fresh) => ((link.relays = fresh), link.relayed);
    link.send = async (on) => void (link.sending = on);
    link.close = () => (link.closed = true);
    this.links.push(link);
    return link;
  }
}
