// The recommendations of a user, and their filters.

import { showError } from "./ask.js";
import { afterwards, at, number } from "./dom.js";
import { line, score } from "./film.js";
import { me, rate, ratingOf, recommended, whose } from "./person.js";
import { kindOfValues, noun } from "./values.js";

const N = 10;
const WHY = 2;
const POPULAR = "This user has no ratings yet. These are the most rated titles.";
const POPULAR_INTERACTIONS = "This user has no interactions yet. These are the most popular titles.";
let turn = 0; // number of the latest request: the answer to an earlier one is not shown
let cursor = null;

/** The values of the filters, as parameters of a request. */
export function filters() {
  const form = new FormData(at("filters"));
  const year = (name) => (at("filters").elements[name].checkValidity() ? Number(form.get(name)) || null : null);
  const genres = form.getAll("genre");
  return {
    genre: genres.length ? genres : null, // an empty list of genres would leave nothing
    year_from: year("year_from"),
    year_to: year("year_to"),
    diversity: Number(form.get("diversity")),
    seen: form.has("seen"),
  };
}

/** Loads and draws the first page of the list. */
export async function drawList() {
  const mine = ++turn;
  at("items").setAttribute("aria-busy", "true");
  try {
    const answer = await recommended(me.user, { ...filters(), n: N, why: WHY });
    if (mine !== turn) return;
    showError(at("problem"), null);
    at("list-heading").textContent = `For user ${me.user}`;
    at("list-note").textContent = note(answer);
    keepingFocus(at("items"), () => at("items").replaceChildren(...lines(answer)));
    followed(answer);
  } catch (error) {
    if (mine !== turn) return;
    at("list-heading").textContent = `For user ${me.user}`;
    at("list-note").textContent = "";
    at("items").replaceChildren();
    at("more").hidden = true;
    showError(at("problem"), error, drawList);
  } finally {
    if (mine === turn) at("items").removeAttribute("aria-busy");
  }
}

async function drawMore() {
  const mine = turn;
  at("more").disabled = true;
  try {
    const answer = await recommended(me.user, { ...filters(), n: N, why: WHY, cursor });
    if (mine !== turn) return;
    const added = lines(answer);
    at("items").append(...added);
    added[0]?.querySelector(".title").focus({ preventScroll: true });
    followed(answer);
  } catch (error) {
    showError(at("problem"), error, drawList);
  } finally {
    at("more").disabled = false;
  }
}

function followed(answer) {
  cursor = answer.next;
  at("more").hidden = !cursor;
}

function lines({ recommendations, source }) {
  return recommendations.map((one) =>
    line(one, { mark: score(one.score, source), because: one.because, whose: whose(), rated: ratingOf(one.item), rate }),
  );
}

/** The note above a list: the ratings that it is computed from. `note` in rendering.py has the same texts. */
function note({ recommendations, source, ratings }) {
  if (!recommendations.length) return "No titles to recommend.";
  if (source === "popular") return kindOfValues() === "ratings" ? POPULAR : POPULAR_INTERACTIONS;
  const origin = source === "trained" ? "from the training data" : "including changes since training";
  return `Based on ${number(ratings)} ${noun(ratings)} ${origin}.`;
}

/** Redraws a list and restores the focus to the same title, or to the one that replaced it. */
export function keepingFocus(list, draw) {
  const row = list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  const place = [...list.children].indexOf(row);
  const rating = document.activeElement.closest(".rate");
  draw();
  if (!row) return;
  const rows = [...list.children];
  const next = rows.find((one) => one.dataset.item === row.dataset.item) ?? rows[Math.min(place, rows.length - 1)];
  (next?.querySelector(rating ? ".stars [tabindex='0'], .typed, .toggle" : ".title") ?? next)?.focus({ preventScroll: true });
}

const soon = afterwards(150, drawList);
at("filters").addEventListener("input", soon);
at("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  drawList();
});
at("more").addEventListener("click", drawMore);
