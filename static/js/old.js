/* For browsers too old for the visit page's modules: no module ran, so say so instead of waiting for ever. Plain old script on purpose. */
window.addEventListener("load", function () {
  var body = document.body;
  if (body.getAttribute("data-started")) return;
  body.setAttribute("data-state", "unsupported");
  var opening = document.getElementById("opening");
  var unsupported = document.getElementById("unsupported");
  if (opening) opening.hidden = true;
  if (unsupported) unsupported.hidden = false;
});
