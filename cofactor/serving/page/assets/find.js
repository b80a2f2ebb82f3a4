// Search for titles.

import { ask, query } from "./ask.js";
import { afterwards, at } from "./dom.js";
import { line } from "./film.js";
import { allRated, rate, ratingOf, watch } from "./person.js";

const N = 6;
let turn = 0;
let found = [];

async function search() {
  const mine = ++turn;
  const q = at("query").value.trim();
  if (!q) {
    found = [];
    at("found").replaceChildren();
    at("read-as").textContent = "";
    return;
  }
  try {
    const [answer] = await Promise.all([ask(`search?${query({ q, n: N })}`), allRated()]);
    if (mine !== turn) return;
    found = answer.items;
    draw();
    at("read-as").textContent = interpretation(answer);
  } catch (error) {
    if (mine === turn) at("read-as").textContent = error.message;
  }
}

function interpretation({ query, read_as, items }) {
  if (!items.length) return "No title or genre matches.";
  return read_as && read_as.toLowerCase() !== query.toLowerCase() ? `Results for “${read_as}”` : "";
}

function draw() {
  at("found").replaceChildren(...found.map((one) => line(one, { rated: ratingOf(one.item), rate, labelSuffix: ", search result" })));
}

/** Redraws the results and restores the focus, so that a title can be rated again at once. */
function redraw() {
  const row = at("found").contains(document.activeElement) ? document.activeElement.closest("li") : null;
  draw();
  if (!row) return;
  const again = [...at("found").children].find((one) => one.dataset.item === row.dataset.item);
  again?.querySelector(".stars [tabindex='0'], .typed")?.focus({ preventScroll: true });
}

at("query").addEventListener("input", afterwards(120, search));
watch(() => found.length && redraw());
