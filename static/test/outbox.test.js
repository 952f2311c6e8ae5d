// Words arrive once and in order, whatever is cut; and no order of messages whatever breaks the page. A small server keeps what the real one keeps.
import assert from "node:assert/strict";
import test from "node:test";
import { backoff } from "../js/backoff.js";
import { afterClose } from "../js/protocol.js";
import { chat, joined, line, placed, resumed, settle, World } from "./world.js";

/** The same chance on every run. @param {number} seed */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A server that commits each line once, loses answers with their sockets, and is away now and then. */
class Server {
  constructor(world, random) {
    Object.assign(this, { world, random, kept: [], heard: new WeakSet(), read: 0 });
  }

  /** Reads what was said on the newest socket, and answers. */
  async serve() {
    const { socket } = this.world;
    if (!socket) return;
    if (socket.readyState === 0 && socket.onopen) await this.world.open();
    if (!this.heard.has(socket)) {
      this.heard.add(socket);
      this.read = 0;
    }
    while (socket.onmessage && this.read < socket.sent.length) {
      const message = socket.sent[this.read++];
      const lines = this.kept.map(({ id, text }) => line(id, text));
      if (message.type === "join") await this.world.receive(joined("visit", { chat: lines }));
      if (message.type === "resume") await this.world.receive(resumed("visit", { chat: lines }), { type: "slots", slots: [] });
      if (message.type === "offer") await this.world.receive({ type: "answer", answer: "again" });
      if (message.type === "chat" && !(await this.#said(socket, message))) return;
    }
  }

  /** False: the socket is no more. */
  async #said(socket, { id, text }) {
    const fate = this.random();
    if (fate < 0.1) return this.#cut(socket); // before it was committed
    if (fate < 0.2) {
      await this.world.receive({ type: "error", code: "try_later", message: "", asked: "chat", about: id });
      return true;
    }
    if (!this.kept.some((each) => each.id === id)) this.kept.push({ id, text });
    if (fate < 0.35) return this.#cut(socket); // after
    await this.world.receive(chat(id, text));
    return true;
  }

  #cut(socket) {
    if (this.random() < 0.5) {
      socket.onclose?.({ code: this.random() < 0.8 ? 1006 : 4404 });
      return false;
    }
    return new Promise((resolve) => setImmediate(resolve, false)); // silent: nobody is told
  }
}

test("a hundred lines of chat are kept once and in order across cuts of every kind", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = chance(seed);
    const world = new World(random);
    const server = new Server(world, random);
    world.session.start({ microphone: true, camera: true });
    const said = [];
    for (let step = 0; step < 4000 && (said.length < 100 || world.session.lines.words.size > 0); step++) {
      await server.serve();
      if (said.length < 100 && random() < 0.4) {
        const text = `line ${said.length}`;
        said.push(text);
        world.session.say(text);
      }
      if (random() < 0.02) world.socket?.onclose?.({ code: 1006 });
      await world.pass(Math.floor(random() * 400));
    }
    assert.deepEqual(server.kept.map((each) => each.text), said, `seed ${seed}`);
    assert.deepEqual(world.session.room.chat.map((each) => each.text), said, `seed ${seed}: what the page shows`);
    assert.equal(world.session.lines.words.size, 0);
  }
});

test("words that are refused are kept for their writer, and hold up no others", async () => {
  const world = new World();
  await world.join();
  const { session } = world;
  const [first, second] = [session.say("one"), session.say("two")];
  await world.receive({ type: "error", code: "not_allowed", message: "No.", asked: "chat", about: first });
  await world.receive(chat(second, "two"));
  assert.deepEqual(world.refused, [`chat not_allowed ${first}`]);
  assert.deepEqual([...session.lines.words.values()].map(({ text, state }) => `${text} ${state}`), ["one refused"]);
  session.sayAgain(first);
  await settle();
  await world.receive(chat(first, "one"));
  assert.equal(session.lines.words.size, 0);
});

test("while a part of the server is away words wait, and are tried again without a word", async () => {
  const world = new World();
  await world.join();
  const id = world.session.say("one");
  const away = { type: "error", code: "try_later", message: "", asked: "chat", about: id };
  for (let i = 0; i < 5; i++) {
    await world.receive(away);
    assert.equal(world.session.lines.words.get(id).state, "waiting");
    await world.pass(2 * backoff(i, 0.5));
  }
  await world.receive(chat(id, "one"));
  assert.deepEqual(world.socket.sent.filter((m) => m.type === "chat"), Array(6).fill({ type: "chat", id, text: "one", private: false }));
  assert.deepEqual([world.refused, world.sockets.length, world.timers.size], [[], 1, 0]);
});

test("words without an answer raise a doubt about the websocket", async () => {
  const world = new World();
  await world.join();
  world.session.say("one");
  await world.pass(5100);
  assert.equal(world.said.at(-1), "offer");
  await world.pass(2100);
  assert.equal(world.sockets.length, 2);
});

test("what was told to those who wait is acknowledged in its own way", async () => {
  const world = new World();
  await world.join();
  const id = world.session.tell("w", "Five minutes more");
  assert.deepEqual(world.socket.sent.at(-1), { type: "tell", id, member: "w", text: "Five minutes more", ready: "" });
  assert.equal(world.session.notes.words.size, 1);
  await world.receive({ type: "told", id, member: "w", text: "Five minutes more", ready: "", at: "2026-11-24T15:00:00Z" });
  assert.equal(world.session.notes.words.size, 0);
  assert.deepEqual(world.happened.map((h) => h.what), ["moved", "delivered"]);
});

test("no order of messages and of what happens to the network throws", async () => {
  const member = { id: "a", name: "A", role: "guest", place: "visit", since: "s", media: { microphone: true, camera: true, screen: true } };
  const messages = [
    joined("visit"),
    joined("waiting"),
    resumed("visit", { members: [{ ...member, line: "", away: true, lead: true, signing: true, device: false, hearing: "signal" }] }),
    resumed("waiting", { why: "private" }),
    placed("visit"),
    placed("waiting", { why: "returned" }),
    { type: "answer", answer: "a" },
    { type: "need", audio: 9, video: 9 },
    { type: "slots", slots: [{ mid: "9", member: "b", source: "screen" }] },
    { type: "member", member },
    { type: "member", member: { ...member, id: "me" } },
    { type: "left", member: "a" },
    chat("x", "y"),
    { type: "told", id: "x", member: "me", text: "t", ready: "", at: "s" },
    { type: "told", id: "x", member: "a", text: "t", ready: "", at: "s" },
    { type: "private", since: "s" },
    { type: "private", since: "" },
    { type: "media", media: { microphone: false, camera: false, screen: false } },
    { type: "speaking", members: ["a", "zz"] },
    { type: "error", code: "try_later", message: "", asked: "chat", about: "zz" },
    { type: "error", code: "not_allowed", message: "" },
    { type: "captions" },
    { type: "slots", slots: 7 },
  ];
  const codes = [1000, 1001, 1006, 1009, 4400, 4401, 4404, 4408, 4409, 4412, 4429, 4503, 4999];
  for (let seed = 1; seed <= 300; seed++) {
    const random = chance(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const world = new World(random);
    world.session.start({ microphone: true, camera: true });
    for (let step = 0; step < 60 && !world.session.over; step++) {
      const { socket, link, session } = world;
      const what = Math.floor(random() * 14);
      if (what < 6 && socket?.onmessage) socket.onmessage({ data: JSON.stringify(pick(messages)) });
      else if (what < 8 && socket?.onopen && socket.readyState === 0) await world.open();
      else if (what === 8 && socket?.onclose) socket.onclose({ code: pick(codes) });
      else if (what === 9 && link) pick([link.events.silent, link.events.alive, link.events.dead])();
      else if (what === 10) pick([() => session.say("a"), () => session.tell("", "a"), () => session.networkChanged(), () => session.shown(20_000), () => session.admit("a")])();
      else if (what === 11) session.setMedia({ microphone: random() < 0.5, camera: true, screen: true });
      else await world.pass(Math.floor(random() * 3000));
    }
    await settle();
    if (world.session.state === "idle") assert.fail(`seed ${seed}`);
    if (!world.session.over) world.session.leave();
    assert.ok(world.links.every((link) => link.closed), `seed ${seed}: no link outlives its session`);
    assert.equal(world.timers.size, 0, `seed ${seed}: nor does a timer`);
  }
  assert.equal(afterClose(4999), "resume");
});
