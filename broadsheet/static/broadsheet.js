// Comfort for those who have JavaScript. Every page works without it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const first = (selector, root = document) => root.querySelector(selector);
  const titles = () => all(".p h2 a");
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  // Where j and k go on from: the paper that has the focus, else the last one that had it.
  let last = null;
  document.addEventListener("focusin", (event) => { last = event.target.closest(".p") || last; });

  const step = (by) => {
    const links = titles();
    let at = links.findIndex((link) => link.closest(".p") === last);
    if (at < 0 && by < 0) at = links.length;
    const next = links[at + by] || (by > 0 ? first(".more") : null);
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "center" });
  };
  const open = () => {
    const link = last ? first("h2 a", last) : first("[data-home]");
    if (link) link.click();
  };
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: open,
    "/": () => first(".find input").select(),
    "?": () => location.assign("/keys"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = first(".menu[open]");
      if (menu) { menu.open = false; first("summary", menu).focus(); }
      else if (typing(event.target)) event.target.blur();
      return;
    }
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented);
    if (!plain || typing(event.target) || document.documentElement.dataset.keys === "off") return;
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  // The exact time behind "3 h ago", in the reader's own time zone.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
  const tellTimes = (root) => all("time[title]", root).forEach((time) => {
    const moment = new Date(time.dateTime);
    if (!isNaN(moment)) time.title = local.format(moment);
  });

  // Where nobody has said where they live, the browser's own time zone.
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  all("[data-zone]").forEach((box) => {
    if (zone && all("option", box.list).some((one) => one.value === zone)) box.value = zone;
  });

  // A button to copy what stands in a box; without JavaScript the text can be marked by hand.
  const offerCopies = (root) => all("[data-copy]", root).forEach((box) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(box.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(box);
        button.textContent = "Marked: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 3000);
    });
    box.after(button);
  });

  // A refusal comes as one line of text; it is shown above the content and read out.
  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    const plain = (answer.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    const line = first(".wrong.up") || document.createElement("p");
    line.className = "wrong up";
    line.setAttribute("role", "alert");
    line.textContent = plain ? answer.responseText : "That did not work. Please reload the page and try again.";
    first("main").prepend(line);
  });
  document.addEventListener("htmx:sendError", () => {
    const line = first(".wrong.up") || document.createElement("p");
    line.className = "wrong up";
    line.setAttribute("role", "alert");
    line.textContent = "The server cannot be reached. Nothing was changed; please try again.";
    first("main").prepend(line);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) first(".wrong.up")?.remove();
  });
  tellTimes(document);
  offerCopies(document);
  // After "Show more", j goes to the first of the new papers.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches(".more")) last = all(".p").pop();
    // A second press on "Calendar" puts it away again.
    const calendar = first("#calendar");
    if (event.target.matches("[data-calendar]") && calendar.firstElementChild) {
      event.preventDefault();
      calendar.replaceChildren();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    tellTimes(event.target);
    // What is found as one types has the address that it would have had by the Enter key.
    if (event.target.id === "found") {
      last = null;
      const words = first(".find input").value.trim();
      document.title = (words ? words + " — " : "") + document.title.slice(document.title.lastIndexOf("Search — "));
      history.replaceState(null, "", event.detail.pathInfo.finalRequestPath);
    }
  });
})();
