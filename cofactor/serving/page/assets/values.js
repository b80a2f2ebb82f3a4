// How the values of the data are written: ratings on a scale, counts, or interactions without a value.

import { number } from "./dom.js";

let kind = "ratings";

/** Sets the kind of the values of the model; called before anything is drawn. */
export function useValues(card) {
  kind = card.values;
}

export const kindOfValues = () => kind;

/** A value after a title: ★4, ×12 or, for an interaction without a value, nothing. */
export function written(value) {
  return { ratings: ` ★${number(value)}`, counts: ` ×${number(value)}`, pairs: "" }[kind];
}

/** The word for one value, or for many: "rating", "interactions". */
export function noun(n = 2) {
  return `${kind === "ratings" ? "rating" : "interaction"}${n === 1 ? "" : "s"}`;
}
