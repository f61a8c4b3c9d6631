// What has changed since a page was drawn is fetched and put in its place: a part that is marked `data-live="KIND ..."` is drawn anew after
// events of those kinds (GET /v1/events/stream), and one that is `data-waiting` every second too. Without this script every page still works.
"use strict";

const REST_MS = 300;

async function redraw(parts) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  label(fresh);
  for (const part of parts) {
    const found = fresh.getElementById(part.id);
    // Somebody who is writing or choosing is not disturbed.
    if (found && !part.contains(document.activeElement) && found.innerHTML !== part.innerHTML) part.replaceWith(found);
  }
}

// On a narrow screen each row of a table is a card (portal.css) whose cells say what they are; to a screen reader it stays a table.
function label(page) {
  for (const table of page.querySelectorAll(".wide > table:has(thead)")) {
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    table.classList.add("cards");
    table.setAttribute("role", "table");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, place) => {
        cell.setAttribute("role", cell.tagName === "TD" ? "cell" : row.parentElement === table.tHead ? "columnheader" : "rowheader");
        if (row.parentElement !== table.tHead) cell.dataset.label = names[place] ?? "";
      });
    }
  }
}

function live() {
  return [...document.querySelectorAll("[data-live]")];
}

function follow(address) {
  const parts = live();
  const kinds = new Set(parts.flatMap((part) => part.dataset.live.split(" ")));
  if (kinds.size === 0) return;
  let timer = null;
  const stream = new EventSource(address);
  const types = ["task.waiting", "task.declined", "enquiry.answered", "enquiry.declined", "financing.applied", "financing.taken-in", "financing.approved",
    "financing.disbursed", "financing.repaid", "financing.cancelled", "financing.written-off", "financing.corrected", "financing.offered", "financing.taken-over", "data.used", "alert.raised", "consent.given", "consent.revoked",
    "notice.amended", "notice.voided", "notice.replaced", "notice.frozen", "notice.unfrozen", "notice.consent-revoked", "offer.received",
    "declaration.registered", "declaration.amended", "declaration.voided", "dispute.opened", "dispute.resolved"];
  for (const type of types.filter((each) => kinds.has(each.split(".")[0]))) {
    stream.addEventListener(type, () => {
      clearTimeout(timer);
      timer = setTimeout(() => redraw(live()), REST_MS);
    });
  }
  addEventListener("pagehide", () => stream.close());
}

function wait() {
  const parts = live().filter((part) => "waiting" in part.dataset);
  if (parts.length > 0) redraw(parts).finally(() => setTimeout(wait, 1000));
}

// A file that is dropped anywhere on a field's place is chosen in it.
function takeDrops(place) {
  const input = place.querySelector("input[type=file]");
  const over = (event, is) => {
    event.preventDefault();
    place.classList.toggle("over", is);
  };
  place.addEventListener("dragover", (event) => over(event, true));
  place.addEventListener("dragleave", (event) => over(event, false));
  place.addEventListener("drop", (event) => {
    over(event, false);
    if (event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
}

// What is too large to be sent is said before what was typed is lost.
function weigh(input) {
  const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
  input.setCustomValidity(bytes > Number(input.dataset.bytesMax) ? input.dataset.tooLarge : "");
  input.reportValidity();
}

document.querySelectorAll("[data-drop]").forEach(takeDrops);
for (const input of document.querySelectorAll("[data-bytes-max]")) input.addEventListener("change", () => weigh(input));
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

label(document);
if (document.body.dataset.events) {
  follow(document.body.dataset.events);
  wait();
}
