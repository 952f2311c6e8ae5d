// What the browser says of the network and of whether anybody looks. Touches no DOM but its events.

/**
 * @param {{changed: () => void, shown: (hiddenFor: number) => void}} tell changed: the network is gone, back, or another one; shown: the page
 *   is looked at again after so many milliseconds
 */
export function watchNetwork({ changed, shown }) {
  window.addEventListener("online", changed);
  window.addEventListener("offline", changed); // asks for a sign of life, and so says sooner that there is none
  // Says when a phone goes from one network to another; elsewhere only that its guesses of speed have changed.
  const connection = /** @type {any} */ (navigator).connection;
  let type = connection?.type;
  connection?.addEventListener?.("change", () => {
    if (connection.type === type) return;
    type = connection.type;
    if (type !== "none") changed();
  });
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") hiddenAt = Date.now();
    else shown(hiddenAt > 0 ? Date.now() - hiddenAt : 0);
  });
}
