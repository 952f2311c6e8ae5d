// Where each picture goes. Pure arithmetic in CSS pixels.

/** @typedef {{left: number, top: number, width: number, height: number}} Rect */
/** @typedef {{tiles: Rect[], self: Rect | null, corner: boolean}} Layout `tiles` in the order of the pictures; `self`: my own, null where it is not
 * shown; `corner`: it lies over the others */
/** What stands out: the first `large` pictures are shown large; `screen`: the first is somebody's screen, of which all must be seen; `self`:
 * whether my own picture is shown.
 * @typedef {{large?: number, screen?: boolean, self?: boolean}} Wish */

/** Below this in either direction the stage is a phone's (CSS pixels). */
const compactSide = 600;
/** On a phone my own picture lies over the others' up to so many of them; with more it would hide somebody. */
const cornerOver = 3;
/** Between two pictures, and around them (CSS pixels). */
const gap = 8;
/** What a name plate and its margin take at most of a tile's lower edge (CSS pixels). */
const plateBand = 48;
/** A tile of a grid is never narrower or wider than these (width / height). */
const slimmest = 1;
const widest = 16 / 9;
/** At least this share of a picture is always seen: a clinician must not lose what a family shows at the edge. */
const shownShare = 0.75;
/** From this shape of the stage on (width / height) the strip of small pictures stands beside the large ones, and not under them. */
const besideFrom = 1.25;
/** The strip never takes more of the stage than this. */
const stripMost = 0.4;
/** A screen's part of the stage beside somebody who signs. */
const screenShare = 0.66;

/**
 * Lays out a stage.
 * @param {number} pictures how many of others, a shared screen among them; 0 or more
 * @param {number} width of the stage
 * @param {number} height of the stage
 * @param {"ltr" | "rtl"} [direction] of the language: the first stands where its lines begin
 * @param {Wish} [wish]
 * @returns {Layout}
 */
export function layout(pictures, width, height, direction = "ltr", wish = {}) {
  const { tiles, self, corner } = fromLeft(pictures, width, height, wish);
  if (direction === "ltr") return { tiles, self, corner };
  /** @param {Rect} rect @returns {Rect} */
  const turned = (rect) => ({ ...rect, left: width - rect.left - rect.width });
  return { tiles: tiles.map(turned), self: self && turned(self), corner };
}

/**
 * @param {number} pictures
 * @param {number} width
 * @param {number} height
 * @param {Wish} wish
 * @returns {Layout}
 */
function fromLeft(pictures, width, height, { large = 0, screen = false, self = true }) {
  const compact = Math.min(width, height) < compactSide;
  const whole = { left: 0, top: 0, width, height };
  if (pictures === 0) return { tiles: [], self: self ? whole : null, corner: false };
  if (screen || (large > 0 && large < pictures) || large > 1) return staged(pictures, width, height, { large, screen, self });
  const over = self && pictures <= (compact ? cornerOver : 1);
  if (pictures === 1) return { tiles: [whole], self: over ? corner(width, height, compact) : null, corner: over };
  const tiles = grid(self && !over ? pictures + 1 : pictures, width, height);
  if (over) return { tiles, self: corner(width, height, compact), corner: true };
  return { tiles, self: self ? /** @type {Rect} */ (tiles.pop()) : null, corner: false };
}

/**
 * Large pictures, and all others in a strip: beside them where the stage is wide, under them where it is not.
 * @param {number} pictures
 * @param {number} width
 * @param {number} height
 * @param {Required<Wish>} wish
 * @returns {Layout}
 */
function staged(pictures, width, height, { large, screen, self }) {
  const compact = Math.min(width, height) < compactSide;
  const rest = pictures - large;
  const stage = { left: 0, top: 0, width, height };
  // My own picture alone needs no strip, but must never hide a part of a screen.
  const over = self && rest === 0 && !screen;
  const inStrip = rest + (self && !over ? 1 : 0);
  if (inStrip === 0) {
    return { tiles: divided(stage, large, screen), self: over ? corner(width, height, compact) : null, corner: over };
  }
  const beside = width > height * besideFrom;
  const { size, tiles: strip } = stripOf(inStrip, width, height, beside, compact);
  const room = beside ? { ...stage, width: width - size } : { ...stage, height: height - size };
  const placed = strip.map((tile) => ({ ...tile, left: tile.left + (beside ? room.width : 0), top: tile.top + (beside ? 0 : room.height) }));
  const own = self ? /** @type {Rect} */ (placed.pop()) : null;
  return { tiles: [...divided(room, large, screen), ...placed], self: own, corner: false };
}

/**
 * A strip as thin as leaves its tiles large enough to know a face by.
 * @param {number} n at least 1
 * @param {number} width of the stage
 * @param {number} height of the stage
 * @param {boolean} beside
 * @param {boolean} compact
 * @returns {{size: number, tiles: Rect[]}}
 */
function stripOf(n, width, height, beside, compact) {
  const least = compact ? 72 : 112;
  const across = beside ? width : height;
  for (let size = Math.max(least + 2 * gap, Math.round(across * 0.15)); ; size += 8) {
    const tiles = beside ? grid(n, size, height) : grid(n, width, size);
    const enough = Math.min(tiles[0].width, tiles[0].height) >= least;
    if (enough || size >= across * stripMost) return { size, tiles };
  }
}

/**
 * One large picture, or two: side by side or one above the other. A screen gets the larger part.
 * @param {Rect} room
 * @param {number} large 1 or 2
 * @param {boolean} screen
 * @returns {Rect[]}
 */
function divided(room, large, screen) {
  if (large < 2) return [room];
  const beside = room.width > room.height;
  const along = beside ? room.width : room.height;
  const first = Math.round((along - gap) * (screen ? screenShare : 0.5));
  if (beside) return [{ ...room, width: first }, { ...room, left: room.left + first + gap, width: along - first - gap }];
  return [{ ...room, height: first }, { ...room, top: room.top + first + gap, height: along - first - gap }];
}

/**
 * My own picture in the lower corner at the end of the line.
 * @param {number} width
 * @param {number} height
 * @param {boolean} compact
 * @returns {Rect}
 */
function corner(width, height, compact) {
  const upright = height > width;
  const long = compact ? Math.max(112, Math.min(160, Math.max(width, height) * 0.19)) : Math.min(256, width * 0.2);
  const w = Math.round(upright ? long * (3 / 4) : long);
  const h = Math.round(upright ? long : long * (compact ? 3 / 4 : 9 / 16));
  const margin = compact ? 12 : 16;
  return { left: width - w - margin, top: height - h - margin, width: w, height: h };
}

/**
 * Equal tiles as large as can be, the last row centred.
 * @param {number} n at least 1
 * @param {number} width
 * @param {number} height
 * @returns {Rect[]}
 */
export function grid(n, width, height) {
  let best = { area: -1, columns: 1, w: 0, h: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    let w = (width - gap * (columns + 1)) / columns;
    let h = (height - gap * (rows + 1)) / rows;
    if (w <= 0 || h <= 0) continue;
    if (w / h > widest) w = h * widest;
    if (w / h < slimmest) h = w / slimmest;
    if (w * h > best.area) best = { area: w * h, columns, w, h };
  }
  const { columns, w, h } = best;
  const rows = Math.ceil(n / columns);
  const top = (height - rows * h - (rows - 1) * gap) / 2;
  /** @type {Rect[]} */
  const tiles = [];
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / columns);
    const inRow = row === rows - 1 ? n - row * columns : columns;
    const left = (width - inRow * w - (inRow - 1) * gap) / 2;
    tiles.push({
      left: Math.round(left + (i % columns) * (w + gap)),
      top: Math.round(top + row * (h + gap)),
      width: Math.floor(w),
      height: Math.floor(h),
    });
  }
  return tiles;
}

/**
 * How far a name plate, at the lower start of a tile, may reach before my own picture in the corner would hide it.
 * @param {Rect} tile
 * @param {Rect} corner my own picture
 * @param {"ltr" | "rtl"} [direction] of the language
 * @returns {number} from the tile's start (CSS pixels)
 */
export function plateEnd(tile, corner, direction = "ltr") {
  const bottom = tile.top + tile.height;
  const level = corner.top < bottom && bottom - plateBand < corner.top + corner.height;
  const reach = direction === "ltr" ? corner.left - tile.left : tile.left + tile.width - corner.left - corner.width;
  return level ? Math.max(0, Math.min(tile.width, reach)) : tile.width;
}

/**
 * The box for a picture inside its tile: it fills the tile where that hides little of it, and otherwise as much of it as leaves
 * three quarters of the picture to be seen. The picture covers the box (object-fit: cover).
 * @param {Rect} tile
 * @param {number} aspect width / height of the picture; 0 while unknown
 * @returns {Rect}
 */
export function pictureBox(tile, aspect) {
  const own = tile.width / tile.height;
  if (!(aspect > 0) || !Number.isFinite(own)) return tile;
  const shown = Math.min(aspect / own, own / aspect);
  if (shown >= shownShare) return tile;
  let { width, height } = tile;
  if (aspect > own) height = Math.round(width / (aspect * shownShare));
  else width = Math.round((height * aspect) / shownShare);
  return {
    left: tile.left + Math.round((tile.width - width) / 2),
    top: tile.top + Math.round((tile.height - height) / 2),
    width,
    height,
  };
}
