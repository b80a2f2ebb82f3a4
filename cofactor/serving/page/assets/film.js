// One title in a list.

import { make } from "./dom.js";
import { stars } from "./stars.js";
import { kindOfValues, noun, written } from "./values.js";
import { open } from "./detail.js";

export const COLOURED = 8; // genres with a colour of their own
const colours = new Map();
let predicts = true;

/** Sets the genres of the model, the most frequent first, and whether its scores are predicted ratings. */
export function useGenres(genres, card) {
  genres.slice(0, COLOURED).forEach(({ genre }, place) => colours.set(genre, place));
  predicts = card.predicts_ratings;
}

/** The number of a title's colour: that of its first genre with a colour. */
export function colour(one) {
  const coloured = one.genres.find((genre) => colours.has(genre));
  return coloured === undefined ? COLOURED : colours.get(coloured);
}

export const coloured = () => [...colours.keys()];

/** A title without the year at its end. */
export function plain({ title, year }) {
  const ending = ` (${year})`;
  return year && title.endsWith(ending) ? title.slice(0, -ending.length) : title;
}

/** The row of a title. mark: element at the right; rated: its rating, if any; rate: callback for a new rating;
 *  labelSuffix: end of the accessible label, to tell rows of the same title apart. */
export function line(one, { mark, because = [], whose = "they", about, rated, rate, labelSuffix }) {
  const name = make("button", { type: "button", className: "title" }, plain(one));
  name.addEventListener("click", () => open(one));
  if (one.year) name.append(" ", make("span", { className: "year" }, String(one.year)));
  const made = make("li", {}, make("p", { className: "name" }, name), mark ?? "", genres(one));
  made.dataset.item = one.item;
  if (because.length) made.append(reasons(because, whose));
  if (about) made.append(make("p", { className: "why" }, about));
  if (rate) {
    const row = make("div", { className: "rate" }, stars(one.title, rated, (rating) => rate(one, rating)));
    if (rated !== undefined && kindOfValues() !== "pairs") row.append(deleteButton(one, rate, labelSuffix));
    made.append(row);
  }
  return made;
}

function deleteButton(one, rate, labelSuffix = "") {
  const button = make("button", { type: "button", className: "quiet drop" }, "Delete");
  button.setAttribute("aria-label", `Delete the ${noun(1)} of ${one.title}${labelSuffix}`);
  button.addEventListener("click", () => rate(one, null));
  return button;
}

export function genres(one) {
  const marked = one.genres.map((genre) =>
    make("span", { className: `genre g${colours.get(genre) ?? COLOURED}` }, genre),
  );
  return make("p", { className: "genres" }, ...marked.flatMap((one) => [one, " "]));
}

function reasons(because, whose) {
  const why = make("p", { className: "why" }, kindOfValues() === "ratings" ? `because ${whose} rated ` : "because of ");
  because.forEach((reason, place) => {
    if (place) why.append(place === because.length - 1 ? " and " : ", ");
    why.append(make("b", {}, reason.title), written(reason.rating));
  });
  return why;
}

/** The score: stars, or a number if the model only ranks; empty if the list has no predictions. */
export function score(value, source = "", inStars = predicts) {
  if (source === "popular") return make("span", { className: "score" });
  const stars = inStars ? `${value.toFixed(1)} ★` : Number(value.toPrecision(3)).toLocaleString("en");
  return make("span", { className: "score", title: inStars ? "predicted rating" : "score" }, stars);
}

export function closeness(value) {
  return make("span", { className: "score", title: "similarity, at most 1" }, value.toFixed(2));
}
