// The lock of the pages of staff: who did nothing for long is asked again who they are. The page stays as it is beneath, with what was typed;
// the server locks by itself, this only covers what can be seen.
import { askPasskey, hasPasskeys } from './passkey.js';

const cover = document.getElementById('lock');
const status = cover?.querySelector('[role=alert]');

/** How often the server hears that somebody is there, at most. */
const TELL_EVERY = 60_000;

let acted = false;
let told = Date.now();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Asks the server how long it is until the lock. @returns {Promise<number>} in seconds, 0: now; -1 where it is not known */
async function left() {
  try {
    const response = await fetch('/account/left', { headers: { Accept: 'application/json' } });
    if (response.redirected) return 0; // nobody is signed in any more
    return response.ok ? (await response.json()).seconds : -1;
  } catch {
    return -1; // no connection: nothing can be read or sent either
  }
}

/** Covers the page, or uncovers it, by what the server says, and looks again when it is time. */
async function look() {
  clearTimeout(timer);
  if (acted) await tell();
  const seconds = await left();
  if (seconds === 0) show();
  else if (seconds > 0) hide();
  timer = setTimeout(look, seconds > 0 ? Math.min(seconds * 1000 + 500, 2 ** 31 - 1) : 15_000);
}

/** Tells the server that somebody is there. */
async function tell() {
  acted = false;
  told = Date.now();
  try {
    await fetch('/account/here', { method: 'POST', headers: { Accept: 'application/json' } });
  } catch {
    acted = true;
  }
}

function show() {
  if (!(cover instanceof HTMLDialogElement) || cover.open) return;
  document.body.classList.add('locked'); // the page beneath is not drawn at all
  cover.showModal();
}

function hide() {
  if (!(cover instanceof HTMLDialogElement) || !cover.open) return;
  document.body.classList.remove('locked');
  cover.close();
  for (const field of cover.querySelectorAll('input')) field.value = '';
  if (status) status.textContent = '';
}

/** Sends who is there. @param {HTMLFormElement} form @param {Record<string, string>} fields */
async function unlock(form, fields) {
  const response = await fetch(form.action, { method: 'POST', headers: { Accept: 'application/json' }, body: new URLSearchParams(fields) });
  if (response.redirected || response.status === 401) location.reload(); // the session has ended meanwhile
  else if (response.ok) {
    hide();
    look();
  } else if (status instanceof HTMLElement) status.textContent = (response.status === 429 ? status.dataset.wait : status.dataset.wrong) ?? '';
}

function begin() {
  if (!(cover instanceof HTMLDialogElement)) return;
  cover.addEventListener('cancel', (event) => event.preventDefault()); // Escape is no answer
  for (const form of cover.querySelectorAll('form[data-unlock]')) {
    if (!(form instanceof HTMLFormElement)) continue;
    const passkey = form.dataset.unlock === 'passkey';
    if (passkey) form.hidden = !hasPasskeys;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (status) status.textContent = '';
      try {
        const field = form.querySelector('input');
        await unlock(form, passkey ? { unlock_passkey: await askPasskey('get', form.dataset.begin ?? '') } : { unlock_password: field?.value ?? '' });
      } catch {
        if (status instanceof HTMLElement) status.textContent = status.dataset.failed ?? '';
      }
    });
  }
  for (const kind of ['pointerdown', 'keydown', 'input', 'wheel']) {
    addEventListener(kind, () => {
      acted = true;
      if (Date.now() - told > TELL_EVERY) tell();
    }, { passive: true, capture: true });
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look(); // timers of a sleeping computer are late
  });
  addEventListener('pageshow', look); // also when the reader comes back to the page
}

begin();
