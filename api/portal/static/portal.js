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
    // Somebody who is writing or choosing, or has a form open, is not disturbed.
    if (part.contains(document.activeElement) || part.querySelector("details.step[open]")) continue;
    if (found && found.innerHTML !== part.innerHTML) part.replaceWith(found);
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

// Everything, or nothing, with one click.
function choose() {
  for (const group of document.querySelectorAll("[data-choices]")) {
    group.hidden = false;
    for (const button of group.querySelectorAll("[data-choose]")) {
      button.addEventListener("click", () => {
        for (const box of document.getElementsByName(group.dataset.choices)) box.checked = button.dataset.choose === "all";
        remember();
      });
    }
  }
}

// What is chosen stands in the page's own address, so that who goes on and comes back finds it as it was.
function remember() {
  for (const form of document.querySelectorAll("form[data-remembers]")) {
    const name = form.dataset.remembers;
    const address = new URL(location.href);
    address.searchParams.delete(name);
    const chosen = [...form.querySelectorAll(`input[name="${name}"]:checked`)].map((box) => box.value);
    for (const value of chosen.length > 0 ? chosen : [""]) address.searchParams.append(name, value);
    history.replaceState(history.state, "", address);
  }
}

// Sums of what is being typed, in the smallest unit of each currency; what cannot be read counts nothing.
function add() {
  for (const total of document.querySelectorAll("[data-total]")) {
    const currency = total.dataset.total;
    const digits = Number(total.dataset.digits);
    const minor = (text) => (/^[0-9][0-9,]*(\.[0-9]+)?$/.test(text.trim()) ? Math.round(Number(text.replaceAll(",", "")) * 10 ** digits) : 0);
    const shown = (sum) => `${currency}\u00a0${(sum / 10 ** digits).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
    const asked = [...document.querySelectorAll(`input[data-sum="${currency}"]`)].reduce((sum, input) => sum + minor(input.value), 0);
    total.textContent = shown(asked);
    document.querySelector(`[data-stays="${currency}"]`).textContent = shown(Math.max(0, minor(total.dataset.left) - asked));
  }
}

function wait() {
  const parts = live().filter((part) => "waiting" in part.dataset);
  if (parts.length > 0) redraw(parts).finally(() => setTimeout(wait, 1000));
}

// A file that is dropped anywhere on a field's place is chosen in it. The page listens as a whole, since parts of it are drawn anew.
function dropped(event) {
  const place = event.target instanceof Element ? event.target.closest("[data-drop]") : null;
  if (!place) return;
  event.preventDefault();
  place.classList.toggle("over", event.type === "dragover");
  if (event.type !== "drop" || event.dataTransfer.files.length === 0) return;
  const input = place.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// What is too large to be sent is said before what was typed is lost.
function weigh(input) {
  const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
  input.setCustomValidity(bytes > Number(input.dataset.bytesMax) ? input.dataset.tooLarge : "");
  input.reportValidity();
}

for (const type of ["dragover", "dragleave", "drop"]) document.addEventListener(type, dropped);
document.addEventListener("change", (event) => event.target.matches("[data-bytes-max]") && weigh(event.target));
document.addEventListener("change", (event) => event.target.closest("form[data-remembers]") && remember());
document.addEventListener("input", (event) => event.target.matches("[data-sum]") && add());
document.addEventListener("click", (event) => event.target.closest("[data-print]") && print());
document.documentElement.classList.add("scripted");
label(document);
choose();
if (document.body.dataset.events) {
  follow(document.body.dataset.events);
  wait();
}
