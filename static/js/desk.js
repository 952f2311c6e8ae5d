// The little script of the schedulers' pages. Everything works without it but copying by a button; no page needs another.

import { addFill, addSuggestions } from './suggest.js';

/** Moves a set-up code from the address into its field, and out of the address bar and the history. */
function takeCode() {
  const field = document.querySelector('input[data-from-fragment]');
  if (!(field instanceof HTMLInputElement) || location.hash.length < 2) return;
  field.value = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
}

/** Adds a button to a password field that shows what is typed. @param {HTMLInputElement} field */
function addShow(field) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button small quiet desk-show';
  button.setAttribute('aria-controls', field.id);
  const say = () => {
    button.textContent = (field.type === 'password' ? field.dataset.canShow : field.dataset.hide) ?? '';
  };
  button.addEventListener('click', () => {
    field.type = field.type === 'password' ? 'text' : 'password';
    say();
  });
  field.form?.addEventListener('submit', () => {
    field.type = 'password'; // or the browser keeps it among the words typed before
  });
  say();
  field.after(button);
}

/** Makes a copy button work. @param {HTMLButtonElement} button */
function addCopy(button) {
  const source = document.getElementById(button.dataset.copy ?? '');
  if (!(source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement)) return;
  const status = document.getElementById('copied');
  const words = button.firstChild?.textContent ?? '';
  button.hidden = false;
  button.addEventListener('click', async () => {
    let done = false;
    try {
      await navigator.clipboard.writeText(source.value);
      done = true;
    } catch {
      source.select(); // an older way, and what is left where the clipboard is closed: the text is marked
      done = document.execCommand('copy');
    }
    const said = (done ? status?.dataset.copied : status?.dataset.marked) ?? '';
    if (button.firstChild) button.firstChild.textContent = said;
    if (status) status.textContent = said;
    setTimeout(() => {
      if (button.firstChild) button.firstChild.textContent = words;
      if (status) status.textContent = '';
    }, 3000);
  });
}

/** Lets a form be sent once: a second click while the answer is on its way would make a second visit. @param {HTMLFormElement} form */
function sendOnce(form) {
  let sent = false;
  form.addEventListener('submit', (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener('pageshow', () => {
    sent = false; // the reader came back to the page
  });
}

/** @template {Element} T @param {string} selector @param {new () => T} kind @param {(element: T) => void} act */
function each(selector, kind, act) {
  for (const element of document.querySelectorAll(selector)) {
    if (element instanceof kind) act(element);
  }
}

takeCode();
each('input[data-can-show]', HTMLInputElement, addShow);
each('button[data-copy]', HTMLButtonElement, addCopy);
each('button[data-print]', HTMLButtonElement, (button) => {
  button.hidden = false;
  button.addEventListener('click', () => print());
});
each('form[data-once]', HTMLFormElement, sendOnce);
each('input[data-suggest]', HTMLInputElement, addSuggestions);
each('input[data-sets]', HTMLInputElement, addFill);
each('[data-select]', HTMLElement, (field) => {
  field.addEventListener('focus', () => {
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.select();
  });
});
document.querySelector('.summary')?.scrollIntoView({ block: 'nearest' });
each('.summary', HTMLElement, (summary) => summary.focus());
