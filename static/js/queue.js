// The queue's page, kept right: the server tells which version of it would be drawn now, and where that is another the page is fetched and put in place of
// what is shown. Without this script the page is right when it is loaded.
import { fetchPage } from './anew.js';
import { backoff } from './backoff.js';

/** Waits above that of backoff.js, for a server that has long been away: doubled up to this many times. */
const MOST_DOUBLED = 3;

export class Queue {
  #root;
  #outside;
  /** @type {EventSource | null} */
  #source = null;
  #tries = 0;
  #fetching = false;
  #again = false;
  /** @type {unknown} */
  #timer;

  /** @param {HTMLElement} root of what is put in place
   *  @param {{open: (url: string) => EventSource, fetch: () => Promise<Document | null>, lost: (on: boolean) => void, shown: (page: Document) => void,
   *    after: (ms: number, f: () => void) => unknown, cancel: (timer: unknown) => void, random: () => number, now: () => number}} outside
   *    fetch: the page anew; null where it can't be had now. lost: the page may be out of date, or is not any more. shown: the page was put in place */
  constructor(root, outside) {
    this.#root = root;
    this.#outside = outside;
  }

  /** Connects, at once. */
  connect() {
    this.#outside.cancel(this.#timer);
    this.#source?.close();
    const source = this.#outside.open(this.#root.dataset.events ?? '');
    this.#source = source;
    source.addEventListener('queue', (event) => {
      this.#tries = 0;
      const { version } = JSON.parse(/** @type {MessageEvent} */ (event).data);
      if (version === this.#root.dataset.version) this.#outside.lost(false);
      else this.#refresh();
    });
    source.addEventListener('error', () => this.#lose(source));
  }

  /** Ends it for now. */
  close() {
    this.#outside.cancel(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** Counts on how many minutes people have waited. */
  count() {
    for (const element of this.#root.querySelectorAll('[data-since]')) {
      const { since, words } = /** @type {HTMLElement} */ (element).dataset;
      const minutes = Math.max(0, Math.floor((this.#outside.now() - Date.parse(since ?? '')) / 60_000));
      const text = (words ?? '').replace('{n}', String(minutes));
      if (element.textContent !== text) element.textContent = text;
    }
  }

  /** @param {EventSource} source */
  #lose(source) {
    if (source !== this.#source) return;
    source.close();
    this.#source = null;
    this.#outside.lost(true);
    const wait = backoff(this.#tries, this.#outside.random()) * 2 ** Math.min(Math.max(0, this.#tries - 4), MOST_DOUBLED);
    this.#tries++;
    this.#timer = this.#outside.after(wait, () => this.connect());
  }

  /** Puts the page as it is now in place of what is shown. What changes while it is fetched is fetched after it. */
  async #refresh() {
    this.#again = this.#fetching;
    if (this.#fetching) return;
    this.#fetching = true;
    const page = await this.#outside.fetch();
    this.#fetching = false;
    const next = page?.getElementById(this.#root.id);
    if (page && next) {
      this.#put(next);
      this.#outside.shown(page);
      this.#outside.lost(false);
    } else {
      this.#outside.lost(true);
      if (this.#source) this.#lose(this.#source); // coming back, it is told again what to fetch
    }
    if (this.#again) await this.#refresh();
  }

  /** @param {HTMLElement} next */
  #put(next) {
    const held = document.activeElement && this.#root.contains(document.activeElement) ? document.activeElement.id : '';
    this.#root.replaceChildren(...next.childNodes);
    this.#root.dataset.version = next.dataset.version;
    this.count();
    if (held) document.getElementById(held)?.focus({ preventScroll: true });
  }
}

/** The page anew, as it is at its address. @returns {Promise<Document | null>} */
async function fetchQueue() {
  const { status, page } = await fetchPage(location.pathname + location.search.replace(/([?&])done=[^&]*&?/, '$1'));
  // Where nobody is signed in any more the answer is another page, which this one becomes. A locked page asks who is there by itself.
  if (status === 200 && page && !page.getElementById('queue')) location.reload();
  return status === 200 ? page : null;
}

/** @param {HTMLElement} root */
function begin(root) {
  const lost = document.getElementById('queue-lost');
  const waiting = document.getElementById('queue-waiting');
  const queue = new Queue(root, {
    open: (url) => new EventSource(url),
    fetch: fetchQueue,
    lost: (on) => {
      const words = on ? (lost?.dataset.words ?? '') : '';
      if (lost && lost.textContent !== words) lost.textContent = words;
    },
    shown: (page) => {
      document.title = page.title;
      const words = page.getElementById('queue-waiting')?.textContent ?? '';
      if (waiting && waiting.textContent !== words) waiting.textContent = words;
    },
    after: (ms, f) => setTimeout(f, ms),
    cancel: (timer) => clearTimeout(/** @type {number} */ (timer)),
    random: Math.random,
    now: Date.now,
  });
  queue.connect();
  setInterval(() => queue.count(), 10_000);
  document.getElementById('lock')?.addEventListener('close', () => queue.connect());
  addEventListener('pagehide', () => queue.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted) queue.connect();
  });
  addEventListener('online', () => queue.connect());
}

const root = typeof document === 'undefined' ? null : document.getElementById('queue');
if (root) begin(root);
