"use strict";
// Everything that is chosen stands in the address: #flow-3 or #app-2. Without this script the same links work, as
// links within the page.

const all = (selector) => [...document.querySelectorAll(selector)];

function choose() {
  const [, kind, number] = /^#(flow|app)-(\d+)$/.exec(location.hash) || [];
  const near = (element) =>
    kind === "flow"
      ? element.dataset.flow === number
      : element.dataset.apps
        ? element.dataset.apps.split(" ").includes(number)
        : element.dataset.app === number;
  document.body.classList.toggle("chosen", Boolean(kind));
  for (const element of all("[data-flow], [data-app]")) element.classList.toggle("near", Boolean(kind) && near(element));
  if (kind === "flow") light(all("svg .box"), (box) => touched(number).includes(box.dataset.app));

  // For an application, only its flows are listed; a flow is shown among the others.
  for (const item of all("#list li[data-flow], #list li[data-app]")) item.hidden = kind === "app" && !near(item);
  for (const section of all("#list .section")) {
    const items = [...section.querySelectorAll("li")];
    section.hidden = kind === "app" && !items.some((item) => !item.hidden);
    const tally = section.querySelector(":scope > summary .tally");
    if (items.length) tally.textContent = items.filter((item) => !item.hidden).length;
  }
  const heading = document.querySelector("#chosen");
  if (!heading) return;
  heading.hidden = kind !== "app";

  const found = kind && document.getElementById(`${kind}-${number}`);
  if (!found) return;
  if (kind === "app") heading.firstElementChild.textContent = `Only traffic of ${found.querySelector("h3").firstChild.textContent.trim()}.`;
  for (let at = found; at; at = at.parentElement?.closest("details")) if (at.matches("details")) at.open = true;
  if (kind === "flow") for (const each of all(".flow[open]")) each.open = each.contains(found);
  (kind === "flow" ? found.closest("li") : heading).scrollIntoView({ block: "start" });
}

function touched(number) {
  const arrow = document.querySelector(`.arrow[data-flow="${number}"]`);
  return arrow ? arrow.dataset.apps.split(" ") : [];
}

function light(elements, is) {
  for (const element of elements) element.classList.toggle("near", is(element));
}

// What is pointed at on one side is shown on the other.
function point(event) {
  const number = event.target.closest?.("[data-flow]")?.dataset.flow;
  for (const element of all("[data-flow]")) element.classList.toggle("pointed", element.dataset.flow === number);
}

addEventListener("hashchange", choose);
addEventListener("pointerover", point);
addEventListener("focusin", point);
choose();
