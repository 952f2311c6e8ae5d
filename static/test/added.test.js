// What the server says of files that it has, and what becomes of their rows.
import assert from "node:assert/strict";
import test from "node:test";
import { isLost, isOpen, isSettled, meaning, news } from "../js/added.js";

const told = (id, state) => ({ id, state, about: "PDF, 2 MB", says: "Sample" });
const asked = (...rows) => rows.map((row) => ({ ...row, asked: true }));
const became = ({ changes }) => changes.map(({ id, state }) => [id, state]);

test("an answer is told from none, and from the page to sign in", () => {
  const reply = (status, redirected = false) => meaning({ status, redirected });
  assert.deepEqual([200, 204].map((status) => reply(status)), ["done", "done"]);
  assert.deepEqual([reply(200, true), reply(401)], ["out", "out"]);
  assert.deepEqual([404, 410].map((status) => reply(status)), ["gone", "gone"]);
  assert.deepEqual([meaning(null), ...[403, 409, 429, 500, 503].map((status) => reply(status))], Array(6).fill("later"));
});

test("a file that was checked ends so, and one that is not stays", () => {
  const rows = [{ id: "a", state: "scanning" }, { id: "b", state: "scanning" }, { id: "c", state: "scanning" }];
  const found = news(asked(...rows), "done", [told("a", "clean"), told("b", "refused"), told("c", "scanning")]);
  assert.deepEqual(became(found), [["a", "clean"], ["b", "refused"]]);
  assert.equal(found.changes[0].told.about, "PDF, 2 MB");
});

test("a file that vanished while it was checked is gone", () => {
  assert.deepEqual(became(news(asked({ id: "a", state: "scanning" }, { id: "b", state: "coming" }), "done", [])), [["a", "gone"], ["b", "gone"]]);
  assert.deepEqual(became(news(asked({ id: "a", state: "scanning" }), "gone", [])), [["a", "gone"]], "as are all where there is no visit any more");
  assert.deepEqual(became(news(asked({ id: "a", state: "scanning" }), "later", [])), [], "but not where nobody could say");
});

test("an answer says nothing of a file that was sent after it was asked for", () => {
  assert.deepEqual(became(news([{ id: "a", state: "scanning", asked: false }], "done", [])), []);
});

test("a file that another tab sends is followed to its end", () => {
  assert.deepEqual(became(news(asked({ id: "a", state: "coming" }), "done", [told("a", "scanning")])), [["a", "scanning"]]);
  assert.deepEqual(became(news(asked({ id: "a", state: "coming" }), "done", [told("a", "clean")])), [["a", "clean"]]);
  assert.equal(news([], "done", [told("a", "scanning")]).more, true, "one that no row is of");
  assert.equal(news(asked({ id: "a", state: "clean" }), "done", [told("a", "clean")]).more, false);
  assert.equal(news([], "done", [told("a", "coming")]).more, false, "but not what has only begun");
});

test("who is signed out is told, and it goes on once they are in", () => {
  assert.deepEqual(became(news(asked({ id: "a", state: "scanning" }, { id: "b", state: "clean" }), "out", [])), [["a", "unsure"]]);
  assert.deepEqual(became(news(asked({ id: "a", state: "unsure" }), "out", [])), []);
  for (const state of ["scanning", "clean", "refused"]) assert.deepEqual(became(news(asked({ id: "a", state: "unsure" }), "done", [told("a", state)])), [["a", state]]);
});

test("what is on its way from this page is its own matter", () => {
  for (const state of ["queued", "sending", "waiting", "away", "out"]) {
    assert.deepEqual(became(news(asked({ id: "a", state }), "done", [])), []);
    assert.deepEqual([isOpen(state), isSettled(state), isLost(state)], [false, false, false]);
  }
});

test("only what is known to the end lets a summary go", () => {
  for (const state of ["given", "clean", "refused", "gone"]) assert.equal(isSettled(state), true);
  for (const state of ["coming", "scanning", "unsure"]) assert.equal(isSettled(state), false);
  assert.deepEqual(["given", "clean", "refused", "gone"].map(isLost), [false, false, true, true]);
});
