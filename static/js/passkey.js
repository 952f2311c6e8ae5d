// Passkeys on the pages of staff: a form asks for one when it is sent, and takes the browser's answer along.
// https://www.w3.org/TR/webauthn-3/

/** @param {string} text base64url @returns {Uint8Array<ArrayBuffer>} */
function bytes(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** @param {ArrayBuffer | null | undefined} buffer @returns {string | undefined} base64url */
function text(buffer) {
  if (!buffer) return undefined;
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @param {{id: string, type: 'public-key', transports?: AuthenticatorTransport[]}[] | undefined} list */
const credentials = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));

/** The browser's answer as JSON, as PublicKeyCredential.toJSON has it where there is one. @param {PublicKeyCredential} made */
function answer(made) {
  const { response } = made;
  const common = { id: made.id, rawId: made.id, type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined, clientExtensionResults: {} };
  if (response instanceof AuthenticatorAttestationResponse) {
    return { ...common, response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject), transports: response.getTransports?.() ?? [] } };
  }
  const assertion = /** @type {AuthenticatorAssertionResponse} */ (response);
  return { ...common, response: { clientDataJSON: text(assertion.clientDataJSON), authenticatorData: text(assertion.authenticatorData), signature: text(assertion.signature), userHandle: text(assertion.userHandle) } };
}

/**
 * Asks the browser for a passkey, or to make one.
 * @param {string} kind create or get @param {string} begin where the server gives the challenge
 * @returns {Promise<string>} the answer for the server; it rejects when there is none
 */
export async function askPasskey(kind, begin) {
  const response = await fetch(begin, { method: 'POST', headers: { Accept: 'application/json' } });
  if (response.status === 401) location.reload(); // it is time to show who is there first
  if (!response.ok) throw new Error(`${response.status}`);
  const { publicKey } = await response.json();
  publicKey.challenge = bytes(publicKey.challenge);
  if (kind === 'create') {
    publicKey.user.id = bytes(publicKey.user.id);
    publicKey.excludeCredentials = credentials(publicKey.excludeCredentials);
  } else {
    publicKey.allowCredentials = credentials(publicKey.allowCredentials);
  }
  const made = kind === 'create' ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
  if (!(made instanceof PublicKeyCredential)) throw new Error('no passkey');
  return JSON.stringify(answer(made));
}

/** Whether this browser has passkeys. */
export const hasPasskeys = 'PublicKeyCredential' in window;

/** Lets a form ask for a passkey when it is sent. @param {HTMLFormElement} form */
function addPasskey(form) {
  const field = form.querySelector('input[name=credential], input[data-credential]');
  const status = form.querySelector('.passkey-status');
  if (!(field instanceof HTMLInputElement)) return;
  form.hidden = false;
  let asking = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (asking) return;
    asking = true;
    if (status) status.textContent = '';
    try {
      field.value = await askPasskey(form.dataset.passkey ?? 'get', form.dataset.begin ?? '');
      form.submit();
    } catch {
      if (status instanceof HTMLElement) status.textContent = status.dataset.failed ?? '';
      asking = false;
    }
  });
  addEventListener('pageshow', () => {
    asking = false; // the reader came back to the page
  });
}

if (hasPasskeys) {
  for (const form of document.querySelectorAll('form[data-passkey]')) if (form instanceof HTMLFormElement) addPasskey(form);
  for (const note of document.querySelectorAll('[data-no-passkey]')) if (note instanceof HTMLElement) note.hidden = true;
}
