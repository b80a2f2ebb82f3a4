// The control for a value: stars if the scale has few steps, a number field for other ratings and for counts, and a button
// for an interaction without a value.

import { make, number } from "./dom.js";
import { kindOfValues } from "./values.js";

const MOST_STARS = 11;

let scale = [1, 5];
let step = 1;

/** Sets the scale of the model; called before anything is drawn. */
export function useScale(card) {
  ({ scale, step } = card);
}

function choices() {
  if (kindOfValues() !== "ratings") return null;
  const [lowest, highest] = scale;
  if (!(step === 0.5 || step === 1) || lowest <= 0 || highest / step > MOST_STARS) return null;
  const values = [];
  for (let value = step; value <= highest; value += step) if (value >= lowest) values.push(value);
  return values;
}

/** The control for one title. now: its rating or undefined; pick: called with a number, or null to delete the rating.
 *
 * It is one tab stop: arrow keys move between the stars; Enter, Space or a digit sets the rating.
 */
export function stars(title, now, pick) {
  if (kindOfValues() === "pairs") return toggle(title, now, pick);
  const values = choices();
  if (values === null) return typed(title, now, pick);
  const group = make("div", { className: "stars", role: "group", "aria-label": `Rate ${title}` });
  const start = Math.max(0, values.indexOf(now));
  values.forEach((value, place) => {
    const half = step === 0.5 ? (Number.isInteger(value) ? " half second" : " half") : "";
    const name = `${number(value)} of ${number(scale[1])}`;
    const star = make(
      "button",
      { type: "button", className: `star${half}`, tabIndex: place === start ? 0 : -1, title: name, "aria-label": name },
      make("span", { "aria-hidden": "true" }) /* drawn by the style sheet */,
    );
    star.setAttribute("aria-pressed", String(value === now));
    star.addEventListener("click", () => {
      rest();
      pick(value === now ? null : value);
    });
    group.append(star);
  });
  group.addEventListener("keydown", (event) => steered(event, group, values, now, pick));
  return group;
}

/** Disables hover effects until the pointer moves: the next title under the pointer would look rated. */
function rest() {
  document.body.classList.add("still");
  addEventListener("pointermove", () => document.body.classList.remove("still"), { once: true });
}

function steered(event, group, values, now, pick) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const buttons = [...group.children];
  const here = buttons.indexOf(document.activeElement);
  const to = { ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here - 1, ArrowDown: here - 1, Home: 0, End: buttons.length - 1 };
  if (event.key in to) {
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, to[event.key]))];
    buttons.forEach((one) => (one.tabIndex = one === next ? 0 : -1));
    next.focus();
  } else if (/^\d$/.test(event.key) && values.includes(Number(event.key))) {
    pick(Number(event.key));
  } else if ((event.key === "Delete" || event.key === "Backspace") && now !== undefined) {
    pick(null);
  } else return;
  event.preventDefault();
}

function typed(title, now, pick) {
  const counts = kindOfValues() === "counts";
  const [min, max] = counts ? [0, ""] : scale;
  const size = counts ? "any" : step ?? "any";
  const field = make("input", { type: "number", className: "typed", min, max, step: size, value: now ?? "" });
  field.placeholder = counts ? "count" : `${number(min)} to ${number(max)}`;
  field.setAttribute("aria-label", counts ? `Count of ${title}` : `Rate ${title}`);
  field.addEventListener("change", () => {
    if (field.value === "") pick(null);
    else if (field.reportValidity()) pick(Number(field.value));
  });
  return field;
}

function toggle(title, now, pick) {
  const added = now !== undefined;
  const button = make("button", { type: "button", className: "toggle" }, added ? "Added" : "Add");
  button.setAttribute("aria-label", `Add ${title}`);
  button.setAttribute("aria-pressed", String(added));
  button.addEventListener("click", () => pick(added ? null : 1));
  return button;
}
