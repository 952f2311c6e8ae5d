// Where each picture goes. Pure arithmetic in CSS pixels.

/** @typedef {{left: number, top: number, width: number, height: number}} Rect */
/** @typedef {{tiles: Rect[], self: Rect, corner: boolean}} Layout `tiles` in the order of the others; `corner`: my own picture lies over them */

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

/**
 * Lays out a stage.
 * @param {number} others how many other people, 0 or more
 * @param {number} width of the stage
 * @param {number} height of the stage
 * @param {"ltr" | "rtl"} [direction] of the language: the first stands where its lines begin
 * @returns {Layout}
 */
export function layout(others, width, height, direction = "ltr") {
  const { tiles, self, corner } = fromLeft(others, width, height);
  if (direction === "ltr") return { tiles, self, corner };
  /** @param {Rect} rect @returns {Rect} */
  const turned = (rect) => ({ ...rect, left: width - rect.left - rect.width });
  return { tiles: tiles.map(turned), self: turned(self), corner };
}

/**
 * @param {number} others
 * @param {number} width
 * @param {number} height
 * @returns {Layout}
 */
function fromLeft(others, width, height) {
  const compact = Math.min(width, height) < compactSide;
  if (others === 0) return { tiles: [], self: { left: 0, top: 0, width, height }, corner: false };
  if (others > (compact ? cornerOver : 1)) {
    const tiles = grid(others + 1, width, height);
    const self = /** @type {Rect} */ (tiles.pop());
    return { tiles, self, corner: false };
  }
  const tiles = others === 1 ? [{ left: 0, top: 0, width, height }] : grid(others, width, height);
  return { tiles, self: corner(width, height, compact), corner: true };
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
