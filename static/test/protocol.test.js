// The golden messages of signaling/testdata are what the server's own tests decode and encode; here the page does.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { afterClose, decode, encode, ProtocolError } from "../js/protocol.js";

const golden = new URL("../../signaling/testdata/messages/", import.meta.url);
const read = (side, name) => readFileSync(new URL(`${side}/${name}`, golden), "utf8");
const names = (side) => readdirSync(new URL(`${side}/`, golden)).filter((name) => name.endsWith(".json"));

test("every message of the server is decoded, field by field", () => {
  assert.ok(names("server").length >= 10);
  for (const name of names("server")) {
    const text = read("server", name);
    assert.deepEqual(decode(text), JSON.parse(text), name);
  }
});

test("every type of server message has a golden example", () => {
  const seen = new Set(names("server").map((name) => JSON.parse(read("server", name)).type));
  for (const type of ["joined", "resumed", "place", "moved", "answer", "need", "slots", "member", "left", "chat", "told", "private", "signing", "media", "speaking", "error"]) {
    assert.ok(seen.has(type), type);
  }
});

test("what the page sends has the shape of the golden client messages", () => {
  const join = { type: "join", pass: "p", offer: "o", sources: { 0: "microphone" }, media: { microphone: true, camera: true } };
  const sent = {
    join,
    offer: { type: "offer", offer: "o", sources: { 0: "microphone", 1: "camera" } },
    media: { type: "media", media: { microphone: true, camera: false } },
    chat: { type: "chat", id: "c", text: "t", private: true },
    ...Object.fromEntries(["admit", "return", "decline", "remove", "lead"].map((type) => [type, { type, member: "m" }])),
    resume: { type: "resume", token: "t" },
    tell: { type: "tell", id: "t", member: "m", text: "t", ready: "" },
    private: { type: "private", on: true },
    hearing: { type: "hearing", answer: "signal" },
    sign: { type: "sign", member: "m", on: true },
    view: { type: "view", video: "one" },
    line: { type: "line", line: "weak" },
    check: { type: "check", check: {} },
    end: { type: "end" },
    bye: { type: "bye" },
  };
  for (const name of names("client")) {
    const example = JSON.parse(read("client", name));
    assert.deepEqual(Object.keys(JSON.parse(encode(sent[example.type]))).sort(), Object.keys(example).sort(), name);
  }
});

test("a message that is not as described is refused", () => {
  const bad = {
    "not JSON": "{",
    "not an object": "[]",
    "no type": "{}",
    "type is no text": '{"type": 3}',
    "member without media": '{"type": "member", "member": {"id": "a", "name": "b", "role": "c", "place": "visit", "since": "x"}}',
    "place nobody knows": '{"type": "place", "place": "hall", "since": "", "may": [], "members": [], "chat": []}',
    "count below nothing": '{"type": "need", "audio": -1, "video": 2}',
    "slot of a thought": '{"type": "slots", "slots": [{"mid": "1", "member": "m", "source": "thought"}]}',
    "flag as text": '{"type": "slots", "slots": "none"}',
  };
  for (const [what, frame] of Object.entries(bad)) assert.throws(() => decode(frame), ProtocolError, what);
});

test("types and fields of a newer server are left alone", () => {
  assert.equal(decode('{"type": "captions", "text": "…"}'), null);
  assert.equal(decode('{"type": "toString"}'), null);
  assert.deepEqual(decode('{"type": "left", "member": "m", "why": "tired"}'), { type: "left", member: "m" });
});

test("every close code of the protocol has its outcome", () => {
  const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const described = [...page.matchAll(/^\| (\d{4}) \| .* \| (.*) \|$/gm)].map(([, code, back]) => [Number(code), back]);
  assert.ok(described.length >= 10);
  for (const [code, back] of described) {
    const outcome = afterClose(code);
    if (back.startsWith("resume")) assert.equal(outcome, "resume", `${code}`);
    else if (back.startsWith("join anew")) assert.ok(["rejoin", "busy", "crowded"].includes(outcome), `${code} ${outcome}`);
    else assert.ok(!["resume", "rejoin", "busy", "crowded"].includes(outcome), `${code} ${outcome}`);
  }
  assert.equal(afterClose(1006), "resume");
  assert.equal(afterClose(4404), "rejoin");
  assert.equal(afterClose(4412), "declined");
});
