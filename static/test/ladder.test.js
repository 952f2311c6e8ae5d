// The ways out of a network: what of an answer is tried, and what is remembered of which network.
import assert from "node:assert/strict";
import test from "node:test";
import { onlyBy, recall, remember } from "../js/ladder.js";

const answer =
  "v=0\r\na=candidate:1 1 udp 2130706431 198.51.100.7 443 typ host\r\na=candidate:2 1 tcp 1520435199 198.51.100.7 443 typ host tcptype passive\r\na=end-of-candidates\r\n";

test("each way is tried with its own candidates", () => {
  const [head, udp, tcp, tail] = answer.split(/(?<=\n)/);
  assert.equal(onlyBy("udp", answer), head + udp + tail);
  assert.equal(onlyBy("tcp", answer), head + tcp + tail);
  assert.equal(onlyBy("relay", answer), head + udp + tail);
});

test("what was found is remembered for its network, and not for ever", () => {
  const ways = { udp: false, tcp: true, relay: true };
  const week = 7 * 24 * 3600_000;
  const all = remember([], "home", ways, 1000);
  assert.deepEqual(recall(all, "home", 2000), ways);
  assert.equal(recall(all, "work", 2000), null);
  assert.equal(recall(all, "home", 1000 + week), null, "networks change");
  assert.equal(recall(all, "home", 0), null, "clocks are set");
  assert.deepEqual(recall(remember(all, "home", { ...ways, udp: true }, 3000), "home", 3000), { ...ways, udp: true });
  let many = all;
  for (let i = 0; i < 20; i++) many = remember(many, `network ${i}`, ways, 1000);
  assert.equal(many.length, 8);
});

test("an outage, and what could not be found out, is not remembered", () => {
  for (const ways of [{ udp: false, tcp: false, relay: false }, { udp: null, tcp: true, relay: true }, { udp: true, tcp: null, relay: null }])
    assert.deepEqual(remember([], "home", ways, 1000), []);
  assert.deepEqual(remember([], "", { udp: true, tcp: true, relay: true }, 1000), []);
  assert.equal(remember([], "home", { udp: true, tcp: true, relay: null }, 1000).length, 1, "a site without a relay");
});
