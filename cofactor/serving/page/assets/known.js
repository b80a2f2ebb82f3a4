// The ratings of a user, and similar users.

import { ask, showError } from "./ask.js";
import { at, make, number } from "./dom.js";
import { line } from "./film.js";
import { keepingFocus } from "./list.js";
import { forget, known, me, rate, remember } from "./person.js";
import { kindOfValues, noun } from "./values.js";

const N = 20;
let shown = N; // number of ratings, which "More" increases
let turn = 0;

/** Redraws the ratings; for another user, from the first one. */
export async function drawKnown(anew = false) {
  const mine = ++turn;
  if (anew) {
    shown = N;
    forget();
    at("alike").open = false;
  }
  try {
    const { total, ratings } = await upTo(shown);
    if (mine !== turn) return;
    remember(ratings);
    at("known-total").textContent = total ? number(total) : "";
    keepingFocus(at("known"), () => at("known").replaceChildren(...ratings.map(rating)));
    at("known-note").textContent = total ? "" : `No ${noun()} yet. Search for a title, or ${kindOfValues() === "ratings" ? "rate" : "add"} one in the list.`;
    at("known-more").hidden = ratings.length >= total;
  } catch (error) {
    if (mine === turn) showError(at("problem"), error, () => drawKnown(anew));
  }
}

async function upTo(n) {
  const first = await known(me.user, 0, Math.min(n, 100));
  while (first.ratings.length < Math.min(n, first.total)) {
    const next = await known(me.user, first.ratings.length, 100);
    if (!next.ratings.length) break;
    first.ratings.push(...next.ratings);
  }
  first.ratings.length = Math.min(n, first.ratings.length);
  return first;
}

function rating(one) {
  return line(one, { about: origin(one), rated: one.rating, rate });
}

function origin({ source, time }) {
  if (source === "training") return "";
  const did = kindOfValues() === "ratings" ? "rated" : "added";
  if (source === "page") return `${did} on this page`;
  const day = new Date(time * 1000).toLocaleDateString("en", { dateStyle: "medium" });
  return `${did} on ${day}`;
}

at("known-more").addEventListener("click", () => {
  shown += 2 * N;
  return drawKnown();
});

/** Loads the similar users when their list is opened. */
export function followAlike(choose) {
  at("alike").addEventListener("toggle", async () => {
    if (!at("alike").open) return;
    const list = at("alike-users");
    list.replaceChildren(make("li", { className: "soft" }, "…"));
    try {
      if (me.unknown) throw new Error(`This user has no ${noun()} yet.`);
      const { similar } = await ask(`users/${encodeURIComponent(me.user)}/similar?n=8`);
      list.replaceChildren(...similar.map((one) => person(one, choose)));
      if (!similar.length) list.append(make("li", { className: "soft" }, "No similar users."));
    } catch (error) {
      list.replaceChildren(make("li", { className: "soft" }, error.message));
    }
  });
}

function person({ user, score, common }, choose) {
  const button = make("button", { type: "button", className: "quiet" }, user);
  button.addEventListener("click", () => choose(user));
  const about = `${score.toFixed(2)} · ${number(common)} in common`;
  return make("li", {}, button, " ", make("span", { className: "soft" }, about));
}
