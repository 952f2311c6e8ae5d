// A page of ours as it is by now, for what is put into the one that is shown. It is the browser that parses it: trusted types let no script do so.

/** `status`: 0 for no answer, and then there is no page. @typedef {{status: number, redirected: boolean, page: Document | null}} Anew */

/** @param {string} path @returns {Promise<Anew>} */
export function fetchPage(path) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('GET', path);
    request.responseType = 'document';
    request.setRequestHeader('Accept', 'text/html');
    request.timeout = 10_000;
    request.addEventListener('loadend', () => {
      const redirected = request.status !== 0 && request.responseURL !== new URL(path, location.href).href;
      resolve({ status: request.status, redirected, page: request.response });
    });
    request.send();
  });
}
