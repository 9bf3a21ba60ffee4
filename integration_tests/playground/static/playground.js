// What the pages do beyond links and forms. Each page works without it.
"use strict";

// Leaving a field saves what was typed, as Enter and every button do.
const edits = document.getElementById("edits");
const saved = document.getElementById("saved");
if (saved) {
  const inputs = [...edits.elements].filter((each) => each.matches("input:not([type=hidden])"));
  let saving = Promise.resolve();
  for (const input of inputs) {
    input.addEventListener("change", () => {
      const body = new URLSearchParams(new FormData(edits));
      saving = saving.then(() => fetch("/slack/edits", {method: "POST", body, keepalive: true, headers: {Accept: "text/plain"}}))
        .then(async (answer) => { saved.textContent = await answer.text(); });
    });
  }
}

// While a sync runs: the figures twice a second; the whole page once it has ended.
const progress = document.getElementById("progress");
if (progress) {
  const look = async () => {
    const text = await fetch(location.href).then((answer) => answer.text(), () => "");
    if (!text) return; // the playground has ended
    const now = new DOMParser().parseFromString(text, "text/html").getElementById("progress");
    if (!now) return location.reload();
    progress.querySelector(".figures").replaceWith(now.querySelector(".figures"));
    setTimeout(look, 500);
  };
  setTimeout(look, 500);
}
