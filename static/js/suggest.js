// Finds patients while somebody types their name into a form: a list to choose from by arrow keys, by touch or by mouse
// (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). Without it the form's own button does the same, a page later.

const PAUSE = 350; // milliseconds without a key before the server is asked
const LEAST = 2; // letters

/** @typedef {{id: string, name: string, born: string, number: string}} Found */

/** Makes suggestions for a field. @param {HTMLInputElement} field */
export function addSuggestions(field) {
  const { form } = field;
  const path = field.dataset.suggest;
  if (!form || !path) return;
  const list = document.createElement('ul');
  list.id = `${field.id}-suggestions`;
  list.className = 'suggestions';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', field.labels?.[0]?.textContent ?? '');
  list.hidden = true;
  const status = document.createElement('p');
  status.className = 'visually-hidden';
  status.setAttribute('role', 'status');
  const place = document.createElement('div');
  place.className = 'suggestions-place';
  field.before(place);
  place.append(field, list);
  form.append(status);
  field.setAttribute('role', 'combobox');
  field.setAttribute('aria-autocomplete', 'list');
  field.setAttribute('aria-expanded', 'false');
  field.setAttribute('aria-controls', list.id);

  /** @type {Found[]} */
  let found = [];
  let at = -1;
  let timer = 0;
  /** @type {AbortController | undefined} */
  let asking;

  /** Asks no more for what was typed before: its answer would open the list again, or take away what is marked in it. */
  const askNoMore = () => {
    clearTimeout(timer);
    asking?.abort();
  };

  const close = () => {
    at = -1;
    list.hidden = true;
    field.setAttribute('aria-expanded', 'false');
    field.removeAttribute('aria-activedescendant');
  };

  /** @param {number} index */
  const mark = (index) => {
    at = index;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    const option = list.children[at];
    if (!option) return field.removeAttribute('aria-activedescendant');
    field.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  };

  /** Sends the form as its button "choose" would. @param {Found} patient */
  const choose = (patient) => {
    const button = document.createElement('button');
    button.hidden = true;
    button.name = 'pick';
    button.value = patient.id;
    button.setAttribute('formaction', field.dataset.pick ?? form.action);
    form.append(button);
    form.requestSubmit(button);
  };

  const show = () => {
    list.replaceChildren(...found.map((patient, i) => {
      const option = document.createElement('li');
      option.id = `${list.id}-${i}`;
      option.setAttribute('role', 'option');
      option.setAttribute('aria-selected', 'false');
      for (const text of [patient.name, patient.born, patient.number]) {
        const part = document.createElement('bdi');
        part.textContent = text;
        option.append(part, ' ');
      }
      option.addEventListener('mousedown', (event) => event.preventDefault()); // the field keeps the focus
      option.addEventListener('click', () => choose(patient));
      return option;
    }));
    at = -1;
    field.removeAttribute('aria-activedescendant');
    list.hidden = found.length === 0;
    field.setAttribute('aria-expanded', String(found.length > 0));
  };

  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const typed = field.value.trim();
    if (typed.length < LEAST) return close();
    try {
      const response = await fetch(path, { method: 'POST', body: new URLSearchParams({ patient: typed }), headers: { Accept: 'application/json' }, signal });
      if (!response.ok) return close(); // the button tells why
      const answer = await response.json();
      if (signal.aborted) return;
      found = answer.found;
      status.textContent = answer.said;
      show();
    } catch {
      if (!signal.aborted) close();
    }
  };

  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(ask, PAUSE);
  });
  field.addEventListener('blur', () => {
    askNoMore();
    close();
  });
  field.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    const open = !list.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!found.length) return;
      event.preventDefault();
      if (open) askNoMore();
      else show();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      mark(at < 0 && step < 0 ? found.length - 1 : (at + step + found.length) % found.length);
    } else if (event.key === 'Escape') {
      if (open) event.preventDefault();
      askNoMore();
      close();
    } else if (event.key === 'Enter' && open && at >= 0) {
      event.preventDefault();
      choose(found[at]);
    }
  });
}

/** Lets what is chosen in a field with suggestions fill another, until somebody types into that. @param {HTMLInputElement} field */
export function addFill(field) {
  const other = document.getElementById(field.dataset.sets ?? '');
  if (!(other instanceof HTMLInputElement)) return;
  let own = other.value === '';
  other.addEventListener('input', () => {
    own = other.value === '';
  });
  field.addEventListener('change', () => {
    const option = [...(field.list?.options ?? [])].find((each) => each.value === field.value);
    if (own && option?.dataset.sets) other.value = option.dataset.sets;
  });
}
