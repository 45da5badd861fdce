// Connects the buttons of the passkey pages to the script of django-allauth, where the browser knows passkeys.
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    if (!window.PublicKeyCredential || !window.allauth) return;
    for (const told of document.querySelectorAll("script[data-passkey]")) {
      const options = JSON.parse(told.textContent);
      window.allauth.webauthn.forms[told.dataset.passkey](options);
      for (const id of Object.values(options.ids)) {
        const button = document.getElementById(id);
        if (button && button.hidden) button.hidden = false;
      }
    }
  });
  // What the browser says when it does not come to pass, in the place where one looks.
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const place = document.querySelector("[data-passkey-told]") || document.querySelector(".account h1");
    const line = document.createElement("p");
    line.className = "wrong";
    line.setAttribute("role", "alert");
    line.textContent = "No passkey was used: " + (event.detail.exception.message || "the browser stopped it") + ".";
    for (const old of document.querySelectorAll(".passkey-told")) old.remove();
    line.classList.add("passkey-told");
    place.after(line);
  });
})();
