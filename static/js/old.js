/* For when no module of the visit page ran: the browser is too old for them, or they did not come. Plain old script on purpose. */
window.addEventListener("load", function () {
  var retry = document.getElementById("retry");
  if (retry) {
    retry.addEventListener("click", function () {
      location.reload();
    });
  }
  var body = document.body;
  if (body.hasAttribute("data-started")) return;
  var state = "noModule" in document.createElement("script") ? "unloaded" : "unsupported";
  body.setAttribute("data-state", state);
  var opening = document.getElementById("opening");
  var section = document.getElementById(state);
  if (opening) opening.hidden = true;
  if (section) section.hidden = false;
});
