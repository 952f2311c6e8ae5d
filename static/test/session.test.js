// The way through a visit, with a network, timers and chance made by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { backoff } from "../js/backoff.js";
import { Session } from "../js/session.js";

/** Lets everything that only waits for promises run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

class World {
  constructor() {
    this.passes = [];
    this.sockets = [];
    this.links = [];
    this.timers = new Map();
    this.happened = [];
    this.refused = [];
    this.ids = 0;
    this.session = new Session(
      {
        getPass: async () => this.passes.shift() ?? { kind: "pass", pass: `pass-${this.links.length + 1}`, slots: { audio: 3, video: 3 } },
        openSocket: () => {
          const socket = { sent: [], closed: false, send: (frame) => socket.sent.push(JSON.parse(frame)), close: () => (socket.closed = true) };
          this.sockets.push(socket);
          return socket;
        },
        openLink: (onLost) => {
          const link = { onLost, offers: [], answers: [], sending: null, closed: false };
          link.offer = async (slots) => (link.offers.push(slots), { offer: `offer-${link.offers.length}`, sources: { 0: "microphone" } });
          link.accept = async (answer) => void link.answers.push(answer);
          link.send = async (on) => void (link.sending = on);
          link.close = () => (link.closed = true);
          this.links.push(link);
          return link;
        },
        later: (call, ms) => (this.timers.set(++this.ids, { call, ms }), this.ids),
        forget: (id) => this.timers.delete(id),
        random: () => 0.5,
        newID: () => `id-${++this.ids}`,
      },
      {
        changed: () => undefined,
        happened: (list) => this.happened.push(...list),
        linked: () => undefined,
        refused: (code, asked) => this.refused.push(`${asked} ${code}`),
      },
    );
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get link() {
    return this.links.at(-1);
  }

  /** Runs the one timer that is set. */
  async ring() {
    assert.equal(this.timers.size, 1, "one timer at a time");
    const [[id, { call, ms }]] = this.timers;
    this.timers.delete(id);
    call();
    await settle();
    return ms;
  }

  async open() {
    await settle();
    this.socket.onopen({});
    await settle();
  }

  async receive(message) {
    this.socket.onmessage({ data: JSON.stringify(message) });
    await settle();
  }

  async join(place = "visit") {
    this.session.start({ microphone: true, camera: true });
    await this.open();
    await this.receive(joined(place));
  }
}

const joined = (place, chat = []) => ({
  type: "joined",
  you: { id: "me", name: "Me", role: "patient" },
  place,
  since: "2026-11-24T15:00:00Z",
  may: ["chat"],
  answer: "answer-1",
  members: [],
  chat,
});
const placed = (place) => ({ type: "place", place, since: "2026-11-24T15:01:00Z", may: ["chat"], members: [], chat: [] });

test("joining: pass, offer and media go out in the first frame", async () => {
  const world = new World();
  await world.join();
  assert.deepEqual(world.socket.sent[0], {
    type: "join",
    pass: "pass-1",
    offer: "offer-1",
    sources: { 0: "microphone" },
    media: { microphone: true, camera: true },
  });
  assert.deepEqual(world.link.answers, ["answer-1"]);
  assert.equal(world.session.state, "in");
  assert.equal(world.timers.size, 0, "nothing is left to wait for");
});

test("nothing is sent while waiting; everything starts on admission", async () => {
  const world = new World();
  await world.join("waiting");
  assert.equal(world.link.sending, false);
  world.session.say("too soon");
  assert.deepEqual(world.socket.sent.map((m) => m.type), ["join"]);
  await world.receive(placed("visit"));
  assert.equal(world.link.sending, true);
  assert.deepEqual(world.socket.sent.map((m) => m.type), ["join", "media", "chat"]);
  await world.receive(placed("waiting"));
  assert.equal(world.link.sending, false);
  assert.deepEqual(world.happened.map((h) => h.place), ["waiting", "visit", "waiting"]);
});

test("one offer at a time: a need that comes early waits for the answer", async () => {
  const world = new World();
  world.session.start({ microphone: false, camera: false });
  await world.open();
  world.socket.onmessage({ data: JSON.stringify(joined("visit")) });
  world.socket.onmessage({ data: JSON.stringify({ type: "need", audio: 5, video: 5 }) });
  world.socket.onmessage({ data: JSON.stringify({ type: "need", audio: 6, video: 6 }) });
  await settle();
  assert.deepEqual(world.link.offers.slice(1), [{ audio: 6, video: 6 }]);
  await world.receive({ type: "need", audio: 7, video: 7 });
  assert.equal(world.link.offers.length, 2);
  await world.receive({ type: "answer", answer: "answer-2" });
  assert.equal(world.link.offers.length, 3);
  assert.deepEqual(world.link.answers, ["answer-1", "answer-2"]);
});

for (const [how, lose] of Object.entries({
  "a websocket that closes": (world) => world.socket.onclose({ code: 1006 }),
  "media that falls silent": (world) => world.link.onLost(),
})) {
  test(`${how} brings a new pass and a new connection`, async () => {
    const world = new World();
    await world.join();
    const [socket, link] = [world.socket, world.link];
    lose(world);
    assert.equal(world.session.state, "reconnecting");
    assert.ok(socket.closed && link.closed);
    assert.equal(await world.ring(), backoff(0, 0.5));
    await world.open();
    assert.equal(world.socket.sent[0].pass, "pass-2");
    await world.receive(joined("visit"));
    assert.equal(world.session.state, "in");
    link.onLost();
    assert.equal(world.session.state, "in", "what the old link says no longer counts");
  });
}

test("tries go on, further and further apart, until the server is back", async () => {
  const world = new World();
  await world.join();
  world.passes = Array.from({ length: 6 }, () => ({ kind: "later", after: 0 }));
  world.socket.onclose({ code: 1001 });
  const waits = [];
  for (let i = 0; i < 6; i++) waits.push(await world.ring());
  assert.deepEqual(waits, [0, 1, 2, 3, 4, 5].map((n) => backoff(n, 0.5)));
  await world.ring();
  await world.open();
  await world.receive(joined("visit"));
  assert.equal(world.session.attempt, 0);
});

test("a wait the server asked for is kept, and can be cut short", async () => {
  const world = new World();
  world.passes = [{ kind: "later", after: 30_000 }];
  world.session.start({ microphone: true, camera: true });
  await settle();
  assert.equal([...world.timers.values()][0].ms, 30_000);
  world.session.hurry();
  await world.open();
  await world.receive(joined("visit"));
  assert.equal(world.session.state, "in");
  world.session.hurry();
  await settle();
  assert.equal(world.sockets.length, 1, "nothing to hurry once in");
});

test("a join without an answer is given up", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  await world.open();
  await world.ring();
  assert.equal(world.session.state, "joining");
  assert.ok(world.link.closed);
});

test("the ends are final", async () => {
  for (const [code, state] of [[4409, "replaced"], [4410, "ended"], [4411, "revoked"], [4400, "broken"], [1009, "broken"], [1000, "left"]]) {
    const world = new World();
    await world.join();
    world.socket.onclose({ code });
    assert.equal(world.session.state, state);
    assert.equal(world.timers.size, 0);
  }
  for (const [kind, state] of [["over", "ended"], ["revoked", "revoked"], ["gone", "gone"], ["too_early", "gone"]]) {
    const world = new World();
    world.passes = [{ kind }];
    world.session.start({ microphone: true, camera: true });
    await settle();
    assert.equal(world.session.state, state);
  }
});

test("a full room is knocked at again", async () => {
  const world = new World();
  await world.join("waiting");
  world.socket.onclose({ code: 4503 });
  assert.equal(world.session.state, "busy");
  assert.ok((await world.ring()) >= 5000);
  assert.equal(world.session.state, "busy");
  await world.open();
  await world.receive(joined("waiting"));
  assert.equal(world.session.state, "in");
});

test("passes that are refused again and again end it", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  for (let i = 0; i < 3; i++) {
    await world.open();
    world.socket.onclose({ code: 4401 });
    await world.ring();
  }
  await world.open();
  world.socket.onclose({ code: 4401 });
  assert.equal(world.session.state, "broken");
});

test("words said in a gap are sent once it closes, and once only", async () => {
  const world = new World();
  await world.join();
  const first = world.session.say("one");
  world.socket.onclose({ code: 1006 });
  const second = world.session.say("two");
  await world.ring();
  await world.open();
  await world.receive(joined("visit", [{ id: first, from: { id: "me", name: "Me" }, text: "one", at: "2026-11-24T15:00:00Z" }]));
  assert.deepEqual(world.socket.sent.filter((m) => m.type === "chat"), [{ type: "chat", id: second, text: "two" }]);
  await world.receive({ type: "chat", id: second, from: { id: "me", name: "Me" }, text: "two", at: "2026-11-24T15:00:01Z" });
  assert.equal(world.session.pending.size, 0);
});

test("leaving says bye and lets go", async () => {
  const world = new World();
  await world.join();
  world.session.leave();
  assert.deepEqual(world.socket.sent.at(-1), { type: "bye" });
  assert.ok(world.socket.closed && world.link.closed);
  assert.equal(world.session.state, "left");
});

test("leaving while a pass is fetched opens nothing", async () => {
  const world = new World();
  world.session.start({ microphone: true, camera: true });
  world.session.leave();
  await settle();
  assert.equal(world.sockets.length, 0);
});

test("refusals are told, garbage ends the visit page's part", async () => {
  const world = new World();
  await world.join();
  await world.receive({ type: "error", code: "not_allowed", message: "no" });
  assert.deepEqual(world.refused, ["join not_allowed"]);
  await world.receive({ type: "slots", slots: 3 });
  assert.equal(world.session.state, "broken");
});

test("backoff grows to a ceiling and is spread by chance", () => {
  for (let n = 0; n < 20; n++) {
    assert.ok(backoff(n, 0) <= backoff(n, 0.999) && backoff(n, 0.999) <= 4000);
    assert.ok(backoff(n + 1, 0.5) >= backoff(n, 0.5));
  }
});

test("words that were refused are not shown as being sent for ever", async () => {
  const world = new World();
  await world.join();
  world.session.say("hello");
  await world.receive({ type: "error", code: "not_allowed", message: "No." });
  assert.deepEqual(world.refused, ["chat not_allowed"]);
  assert.equal(world.session.pending.size, 0);
});
