// The recommendations of a user, and which titles take part in them.

import { complain } from "./ask.js";
import { afterwards, at, number } from "./dom.js";
import { line, score } from "./film.js";
import { me, rate, ratingOf, recommended, whose } from "./person.js";

const N = 10;
const WHY = 2;
let turn = 0; // the number of the latest question: an answer that comes late is not shown
let cursor = null;

/** What the form of filters says, as the service is asked. */
export function filters() {
  const form = new FormData(at("filters"));
  const year = (name) => (at("filters").elements[name].checkValidity() ? Number(form.get(name)) || null : null);
  return {
    genre: form.getAll("genre"),
    year_from: year("year_from"),
    year_to: year("year_to"),
    diversity: Number(form.get("diversity")),
    seen: form.has("seen"),
  };
}

/** The first page of the list, anew. */
export async function drawList() {
  const mine = ++turn;
  at("items").setAttribute("aria-busy", "true");
  try {
    const answer = await recommended(me.user, { ...filters(), n: N, why: WHY });
    if (mine !== turn) return;
    complain(at("problem"), null);
    at("list-heading").textContent = `For ${me.user}`;
    at("list-note").textContent = note(answer);
    keepingFocus(at("items"), () => at("items").replaceChildren(...lines(answer)));
    followed(answer);
  } catch (error) {
    if (mine !== turn) return;
    at("list-heading").textContent = `For ${me.user}`;
    at("list-note").textContent = "";
    at("items").replaceChildren();
    at("more").hidden = true;
    complain(at("problem"), error, drawList);
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
    complain(at("problem"), error, drawList);
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

/** What a list rests on, in words. The page as it first comes has the same ones. */
function note({ recommendations, source, ratings }) {
  if (!recommendations.length) return "Nothing is left to recommend.";
  if (source === "popular") return "Nothing is known of them yet, so these are the most rated titles.";
  const rest = source === "trained" ? "as the model was trained" : "what was rated since training included";
  return `From ${number(ratings)} rating${ratings === 1 ? "" : "s"}, ${rest}.`;
}

/** Redraws a list so that whoever was at one of its titles still is, or at the one that took its place. */
export function keepingFocus(list, draw) {
  const row = list.contains(document.activeElement) ? document.activeElement.closest("li") : null;
  const place = [...list.children].indexOf(row);
  const rating = document.activeElement.closest(".rate");
  draw();
  if (!row) return;
  const rows = [...list.children];
  const next = rows.find((one) => one.dataset.item === row.dataset.item) ?? rows[Math.min(place, rows.length - 1)];
  (next?.querySelector(rating ? ".stars [tabindex='0'], .typed" : ".title") ?? next)?.focus({ preventScroll: true });
}

const soon = afterwards(150, drawList);
at("filters").addEventListener("input", soon);
at("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  drawList();
});
at("more").addEventListener("click", drawMore);
