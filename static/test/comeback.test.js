// What a tab keeps, so that it comes back by itself.
import assert from "node:assert/strict";
import test from "node:test";
import { keepPlace, leavePlace, placeIn } from "../js/comeback.js";

/** A tab's storage. */
function tab() {
  const kept = new Map();
  globalThis.sessionStorage = { setItem: (key, value) => kept.set(key, String(value)), getItem: (key) => kept.get(key) ?? null, removeItem: (key) => kept.delete(key) };
  return kept;
}

test("a tab comes back to the visit it had joined, and to no other, muted as it was", () => {
  tab();
  assert.equal(placeIn("one"), null);
  keepPlace("one", { microphone: false, camera: true, sound: false });
  assert.deepEqual(placeIn("one"), { microphone: false, camera: true, sound: false });
  assert.equal(placeIn("other"), null);
  leavePlace();
  assert.equal(placeIn("one"), null);
});

test("what does not read as kept counts for nothing, and what is not said is off", () => {
  const kept = tab();
  for (const text of ["", "{", "3", "null", '"one"']) {
    kept.set("housecall.joined", text);
    assert.equal(placeIn("one"), null, text);
  }
  kept.set("housecall.joined", '{"visit":"one"}');
  assert.deepEqual(placeIn("one"), { microphone: false, camera: false, sound: false });
});
