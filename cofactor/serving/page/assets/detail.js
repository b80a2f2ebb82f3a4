// The dialog of one title: its statistics, the explanation of its score, and similar titles.

import { ask } from "./ask.js";
import { at, make, number, surface } from "./dom.js";
import { closeness, genres, line, plain } from "./film.js";
import { allRated, explained, me, rate, ratingOf, watch, whose } from "./person.js";
import { stars } from "./stars.js";
import { kindOfValues, noun, written } from "./values.js";

const N = 8;
let shown = null;
let turn = 0;

/** Opens the dialog for a title, or shows another title in it. */
export async function open(one) {
  const mine = ++turn;
  shown = one;
  at("film-heading").textContent = one.year ? `${plain(one)} (${one.year})` : plain(one);
  const about = make("p", { className: "soft" }, "…");
  const starRow = make("div", { className: "rate" });
  const why = make("div", { className: "because" });
  const like = make("ol", { className: "films", "aria-label": "Similar titles" });
  at("film-body").replaceChildren(genres(one), about, starRow, why, make("h3", {}, "Similar"), like);
  if (!at("film").open) at("film").showModal();
  surface();
  at("film").scrollTop = 0;
  at("film-heading").focus();
  const id = encodeURIComponent(one.item);
  const [item, similar, reasons] = await Promise.all([
    ask(`items/${id}`).catch((error) => error),
    ask(`items/${id}/similar?n=${N}`).catch((error) => error),
    explained(me.user, one.item),
    allRated(),
  ]);
  if (mine !== turn) return;
  about.textContent = item instanceof Error ? item.message : statistics(item);
  drawStars(starRow);
  if (reasons?.because.length) why.append(...explanation(reasons));
  if (similar instanceof Error) like.append(make("li", { className: "soft" }, similar.message));
  else like.append(...similar.similar.map((other) => line(other, { mark: closeness(other.score) })));
  if (!like.children.length) like.append(make("li", { className: "soft" }, "No similar titles."));
}

function statistics({ ratings, mean }) {
  if (!ratings) return `No training ${noun()}.`;
  const mark = { ratings: ", ★", counts: ", ×" }[kindOfValues()];
  const average = mark ? `${mark}${mean.toFixed(2)} on average` : "";
  return `${number(ratings)} training ${noun(ratings)}${average}.`;
}

function drawStars(row) {
  const focused = row.contains(document.activeElement);
  row.replaceChildren(stars(shown.title, ratingOf(shown.item), (rating) => rate(shown, rating)));
  if (focused) row.querySelector(".stars [tabindex='0'], .typed, .toggle")?.focus();
}

function explanation({ because }) {
  const largest = Math.max(...because.map(({ effect }) => Math.abs(effect)), 1e-9);
  const bars = because.map(({ title, rating, effect }) => {
    const bar = make("span", { className: effect < 0 ? "bar-of down" : "bar-of", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${(100 * Math.abs(effect)) / largest}%`);
    const by = `${effect < 0 ? "−" : "+"}${number(Math.abs(effect), 3)}`;
    return make("li", {}, make("span", {}, `${title}${written(rating)}`), bar, make("span", { className: "by" }, by));
  });
  const who = whose() === "you" ? "your" : "their";
  const heading = kindOfValues() === "ratings" ? "Ratings" : "Interactions";
  return [make("h3", {}, `${heading} with the largest effect on ${who} score`), make("ul", { className: "effects" }, ...bars)];
}

at("close").addEventListener("click", () => at("film").close());
at("film").addEventListener("click", (event) => event.target === at("film") && at("film").close());
at("film").addEventListener("close", () => {
  turn += 1;
  surface();
});
watch(() => {
  const row = at("film").open && at("film-body").querySelector(":scope > .rate");
  if (row) drawStars(row);
});
