// Small, typed ways to find and make elements. Text only ever goes in as text, never as HTML.

/**
 * The element with an id, of the kind the page promises.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`no ${kind.name} #${id}`);
  return found;
}

/** @param {string} id */
export const box = (id) => byId(id, HTMLElement);
/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean>} [attributes] true: set without a value; false: left out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Icons that point along the line, and turn with it in a language that runs from right to left. */
const turns = new Set(["leave", "send", "sound"]);

/** An icon of the page's sprite; what it means is said in words beside it. @param {string} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", turns.has(name) ? "icon turns" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Changes text only where it differs: live regions and selections stay undisturbed. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Does what may take away the control that has the focus, and then gives the focus to another place: it must not fall off the page.
 * @param {Element} parent where controls may go
 * @param {HTMLElement} next
 * @param {() => void} change
 */
export function keepFocus(parent, next, change) {
  const had = parent.contains(document.activeElement);
  change();
  if (had && !parent.contains(document.activeElement)) next.focus();
}

/**
 * Makes the children of a list agree with items, keeping the elements of those that stay, and so the focus.
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} make
 * @param {(element: HTMLElement, item: T) => void} fill
 */
export function keyed(parent, items, key, make, fill) {
  /** @type {Map<string, HTMLElement>} */
  const have = new Map();
  for (const child of [...parent.children]) {
    if (child instanceof HTMLElement) have.set(child.dataset.key ?? "", child);
  }
  items.forEach((item, i) => {
    const name = key(item);
    let child = have.get(name);
    have.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
    fill(child, item);
  });
  for (const child of have.values()) child.remove();
}
