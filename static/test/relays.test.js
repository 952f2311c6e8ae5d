// What a reply says of relays, and what the browser's counters say of the way.
import assert from "node:assert/strict";
import test from "node:test";
import { relaysIn, wayIn } from "../js/relays.js";

test("relays are read from a reply, whatever else is there", () => {
  const relay = { urls: ["turns:visits.example.org:443?transport=tcp"], username: "u", credential: "c" };
  assert.deepEqual(relaysIn([{ ...relay, expires: "2026-11-24T15:15:00Z" }]), [relay]);
  for (const none of [undefined, null, [], {}, "x", [null], [{ urls: [] }], [{ urls: "turn:x" }]]) assert.deepEqual(relaysIn(none), []);
});

test("the way is that of the pair in use", () => {
  const reports = (local, pair = {}) => [
    { type: "transport", selectedCandidatePairId: "p" },
    { type: "candidate-pair", id: "other", localCandidateId: "x", nominated: true, state: "succeeded" },
    { type: "candidate-pair", id: "p", localCandidateId: "l", ...pair },
    { type: "local-candidate", id: "l", ...local },
    { type: "local-candidate", id: "x", candidateType: "host", protocol: "udp" },
  ];
  assert.equal(wayIn(reports({ candidateType: "host", protocol: "udp" })), "udp");
  assert.equal(wayIn(reports({ candidateType: "prflx", protocol: "tcp" })), "tcp");
  assert.equal(wayIn(reports({ candidateType: "relay", protocol: "udp" })), "relay");
  assert.equal(wayIn(reports({ candidateType: "prflx", protocol: "udp", relayProtocol: "tls" })), "relay");
  assert.equal(wayIn(reports({ candidateType: "host", protocol: "udp" }).slice(1)), "udp", "where the browser has no transports to report");
  assert.equal(wayIn([]), "");
});
