// What is said, and where: nothing is written over before it can be read out, or said where nobody sees and hears it.
import assert from "node:assert/strict";
import test from "node:test";

/** As much of an element as this needs. */
class Place {
  hidden = true;
  textContent = "";
  parentElement = null;
  append(child) {
    child.parentElement = this;
  }
  replaceChildren(...children) {
    this.textContent = children.map((each) => (typeof each === "string" ? each : each.textContent)).join("");
  }
}

const page = { places: {}, dialogs: [], opened: () => undefined };
Object.assign(globalThis, {
  HTMLElement: Place,
  MutationObserver: class {
    constructor(heard) {
      page.opened = heard;
    }
    observe() {}
  },
  document: { body: new Place(), getElementById: (id) => (page.places[id] ??= new Place()), querySelectorAll: () => page.dialogs },
});
const { Live } = await import("../js/ui/live.js");

test("what is said in one moment is said whole: private time is over, and who came back", (t) => {
  let now = 1000;
  t.mock.method(Date, "now", () => now);
  const live = new Live();
  const said = () => page.places.polite.textContent.trim();
  live.toast("Private time is over.");
  live.polite("Kit is here now.");
  assert.equal(said(), "Private time is over. Kit is here now.");
  now += 2000;
  live.polite("Kit left.");
  assert.equal(said(), "Kit left.");
  live.forget();
  live.polite("You are in the waiting room.");
  assert.equal(said(), "You are in the waiting room.", "nothing of the visit goes along");
});

test("while a dialog is open everything is said and shown in it", () => {
  const live = new Live();
  const dialog = new Place();
  page.dialogs = [dialog];
  page.opened();
  live.banner("Reconnecting…");
  for (const id of ["polite", "urgent", "banner", "toast"]) assert.equal(page.places[id].parentElement, dialog, id);
  page.dialogs = [];
  page.opened();
  assert.equal(page.places.banner.parentElement, document.body);
  assert.ok(!page.places.banner.hidden && page.places.urgent.textContent === "Reconnecting…");
});
