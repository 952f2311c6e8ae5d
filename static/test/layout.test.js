import assert from "node:assert/strict";
import test from "node:test";
import { grid, layout, pictureBox, plateEnd } from "../js/layout.js";

const screens = { phone: [390, 760], "small phone": [320, 480], "phone on its side": [760, 390], laptop: [1440, 830], "with panel": [1088, 830] };

const apart = (a, b) =>
  a.left + a.width <= b.left || b.left + b.width <= a.left || a.top + a.height <= b.top || b.top + b.height <= a.top;

test("tiles lie on the stage and never over each other, for one to ten people on every screen", () => {
  for (const [name, [width, height]] of Object.entries(screens)) {
    for (let others = 0; others < 10; others++) {
      const { tiles, self, corner } = layout(others, width, height);
      assert.equal(tiles.length, others);
      const all = corner ? tiles : [...tiles, self];
      for (const [i, tile] of all.entries()) {
        const where = `${name}, ${others} others, tile ${i}`;
        assert.ok(tile.left >= 0 && tile.top >= 0 && tile.left + tile.width <= width && tile.top + tile.height <= height, where);
        assert.ok(tile.width > 60 && tile.height > 60, where);
        for (const other of all.slice(i + 1)) assert.ok(apart(tile, other), where);
      }
      assert.ok(self.left + self.width <= width && self.top + self.height <= height);
    }
  }
});

test("one other person fills the stage, with me in the corner", () => {
  for (const [width, height] of Object.values(screens)) {
    const { tiles, self, corner } = layout(1, width, height);
    assert.deepEqual(tiles, [{ left: 0, top: 0, width, height }]);
    assert.equal(corner, true);
    assert.ok(self.width * self.height < (width * height) / 6);
  }
});

test("large pictures and the strip share the stage, for a pinned person, one who signs beside the speaker, and a screen", () => {
  for (const [name, [width, height]] of Object.entries(screens)) {
    for (const wish of [{ large: 1 }, { large: 2 }, { large: 1, screen: true }, { large: 2, screen: true }, { large: 1, self: false }, { large: 2, screen: true, self: false }]) {
      for (let pictures = Math.max(2, wish.large); pictures < 11; pictures++) {
        const { tiles, self, corner } = layout(pictures, width, height, "ltr", wish);
        const where = `${name}, ${JSON.stringify(wish)}, ${pictures} pictures`;
        assert.equal(tiles.length, pictures, where);
        assert.equal(self === null, wish.self === false, where);
        const all = self && !corner ? [...tiles, self] : tiles;
        for (const [i, tile] of all.entries()) {
          assert.ok(tile.left >= 0 && tile.top >= 0 && tile.left + tile.width <= width && tile.top + tile.height <= height, where);
          assert.ok(tile.width >= 48 && tile.height >= 48, `${where}: ${tile.width}×${tile.height}`);
          for (const other of all.slice(i + 1)) assert.ok(apart(tile, other), where);
        }
        const small = Math.max(0, ...all.slice(wish.large).map((tile) => tile.width * tile.height));
        for (const tile of tiles.slice(0, wish.large)) assert.ok(tile.width * tile.height > small * 1.2, `${where}: large is larger`);
      }
    }
  }
});

test("nothing lies over a screen, not even my own picture", () => {
  for (const [width, height] of Object.values(screens)) {
    const { tiles, self, corner } = layout(2, width, height, "ltr", { large: 1, screen: true });
    assert.equal(corner, false);
    assert.ok(apart(tiles[0], self) && apart(tiles[0], tiles[1]));
    assert.ok(tiles[0].width * tiles[0].height > width * height * 0.55);
  }
});

test("who does not want to see themselves is not shown, and leaves no hole", () => {
  assert.deepEqual(layout(1, 390, 760, "ltr", { self: false }), { tiles: [{ left: 0, top: 0, width: 390, height: 760 }], self: null, corner: false });
  assert.deepEqual(layout(2, 1440, 830, "ltr", { self: false }).tiles, grid(2, 1440, 830));
  assert.equal(layout(0, 390, 760, "ltr", { self: false }).self, null);
});

test("in a language that runs from right to left everything is turned around", () => {
  for (const [width, height] of Object.values(screens)) {
    for (const wish of [{}, { large: 1 }, { large: 2, screen: true }]) {
      for (let others = Math.max(1, wish.large ?? 0); others < 10; others++) {
        const [there, here] = [layout(others, width, height, "ltr", wish), layout(others, width, height, "rtl", wish)];
        for (const [i, tile] of [...there.tiles, there.self].entries()) {
          const turned = [...here.tiles, here.self][i];
          assert.deepEqual({ ...turned, left: width - turned.left - turned.width }, tile);
        }
        if (!there.corner) continue;
        assert.equal(plateEnd(here.tiles[0], here.self, "rtl"), plateEnd(there.tiles[0], there.self));
      }
    }
  }
});

test("alone I see myself", () => {
  assert.deepEqual(layout(0, 390, 760).self, { left: 0, top: 0, width: 390, height: 760 });
});

test("a grid uses the room there is", () => {
  assert.deepEqual(grid(4, 1440, 830).map((t) => t.top).filter((top, i, all) => all.indexOf(top) === i).length, 2);
  assert.equal(new Set(grid(3, 390, 760).map((t) => t.left)).size, 1, "three on a phone stand in one column");
});

test("at least three quarters of a picture are seen, and it never leaves its tile", () => {
  for (const tile of [{ left: 10, top: 20, width: 390, height: 760 }, { left: 0, top: 0, width: 1440, height: 830 }, { left: 0, top: 0, width: 100, height: 100 }]) {
    for (const aspect of [9 / 16, 3 / 4, 1, 4 / 3, 16 / 9, 3]) {
      const box = pictureBox(tile, aspect);
      const own = box.width / box.height;
      assert.ok(Math.min(own / aspect, aspect / own) >= 0.74, `${aspect} in ${tile.width}×${tile.height}`);
      assert.ok(box.left >= tile.left && box.top >= tile.top && box.width <= tile.width && box.height <= tile.height);
    }
    assert.deepEqual(pictureBox(tile, Number.NaN), tile, "before the first frame");
  }
});

test("a name plate ends before my own picture in the corner, and has room for a name", () => {
  for (const [name, [width, height]] of Object.entries({ ...screens, "tall phone": [390, 768], "phone on its side, wide": [844, 390], "and with controls": [752, 390] })) {
    for (let others = 1; others < 4; others++) {
      const { tiles, self, corner } = layout(others, width, height);
      if (!corner) continue;
      for (const tile of tiles) {
        const plate = { left: tile.left, top: tile.top + tile.height - 40, width: plateEnd(tile, self), height: 40 };
        assert.ok(apart(plate, self) && plate.width >= 90, `${name}, ${others} others: ${plate.width}`);
      }
    }
  }
  const corner = { left: 250, top: 600, width: 100, height: 140 };
  assert.equal(plateEnd({ left: 0, top: 0, width: 390, height: 300 }, corner), 390, "high above the corner it has all the room");
});
