// The map of the catalogue: pointer, touch and keyboard. plane.js draws it.

import { ask } from "./ask.js";
import { afterwards, at, make } from "./dom.js";
import { colour, COLOURED, coloured, plain } from "./film.js";
import { open } from "./detail.js";
import { filters } from "./list.js";
import { allRated, me, recommended } from "./person.js";
import { Plane } from "./plane.js";

const N = 1000;
const LISTED = 20; // number of recommendations that are marked
const STEP = 1.5; // zoom factor of a button or key
const CLICK = 5; // pixels that the pointer may move in a click
const NEAR = 24; // pixels: largest distance of the pointer from a title
let plane = null;
let coming = null;

/** Draws the map; the first call loads it. */
export async function drawMap() {
  coming ??= begin();
  await coming;
  plane?.draw();
}

async function begin() {
  at("map-tip").hidden = false;
  at("map-tip").textContent = "Computing the map. The first time, this takes a few seconds …";
  try {
    const { items } = await ask(`map?n=${N}`);
    plane = new Plane(at("plane"), items.map((one) => ({ ...one, colour: colour(one) })), label);
    if (!items.length) at("map-note").textContent = "There are no rated titles to show.";
    drawLegend(items);
    follow();
    await markMap();
  } catch (error) {
    coming = null;
    at("map-tip").textContent = error.message;
  }
}

/** Marks the titles that the user rated and those recommended to the user. */
export async function markMap() {
  if (!plane) return;
  const asked = recommended(me.user, { ...filters(), n: LISTED }).catch(() => ({ recommendations: [] }));
  const [rated, { recommendations }] = await Promise.all([allRated(), asked]);
  plane.mark(rated, new Set(recommendations.map(({ item }) => item)));
  plane.draw();
}

function drawLegend(items) {
  const counts = Array(COLOURED + 1).fill(0);
  for (const one of items) counts[colour(one)] += 1;
  const names = [...coloured()];
  names[COLOURED] = "other";
  const buttons = names.flatMap((name, place) => (counts[place] ? [alone(name, place)] : []));
  const marks = ["recommended", "rated"].map((what) => make("span", { className: `mark ${what}` }, what));
  at("legend").replaceChildren(...buttons, ...marks);
}

function alone(name, place) {
  const button = make("button", { type: "button", className: `chip genre g${place}` }, name);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    plane.alone = plane.alone === place ? null : place;
    for (const one of at("legend").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button && plane.alone === place));
    plane.draw();
  });
  return button;
}

// Pointers and keys ------------------------------------------------------------------------------------------------

function follow() {
  const canvas = at("plane");
  const fingers = new Map(); // pointer -> position
  let wandered = 0;
  const where = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, where(event));
    wandered = fingers.size > 1 ? Infinity : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) wandered += moved(fingers, event.pointerId, where(event));
    else point(plane.nearest(...where(event), NEAR));
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const hit = wandered <= CLICK && plane.nearest(...where(event), NEAR);
    if (hit) choose(hit);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    plane.zoom(Math.exp(-event.deltaY / 400), ...where(event));
  }, { passive: false });
  canvas.addEventListener("keydown", steered);
  canvas.addEventListener("blur", () => point(null));
  at("zoom-in").addEventListener("click", () => plane.zoom(STEP));
  at("zoom-out").addEventListener("click", () => plane.zoom(1 / STEP));
  at("zoom-all").addEventListener("click", () => plane.all());
  new ResizeObserver(afterwards(50, () => plane.draw())).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plane.draw());
}

/** Moves the map with one pointer and zooms with two; returns the distance that the pointer moved. */
function moved(fingers, finger, to) {
  const from = fingers.get(finger);
  const other = [...fingers].find(([one]) => one !== finger)?.[1];
  fingers.set(finger, to);
  if (other) {
    const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
    plane.zoom(apart(to) / Math.max(1, apart(from)), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
  } else plane.pan(to[0] - from[0], to[1] - from[1]);
  return Math.hypot(to[0] - from[0], to[1] - from[1]);
}

const TOWARDS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function steered(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in TOWARDS) choose(plane.towards(...TOWARDS[event.key]), false);
  else if (event.key === "+" || event.key === "=") plane.zoom(STEP, ...here());
  else if (event.key === "-") plane.zoom(1 / STEP, ...here());
  else if (event.key === "0") plane.all();
  else if ((event.key === "Enter" || event.key === " ") && plane.chosen) open(plane.chosen);
  else return;
  event.preventDefault();
}

const here = () => (plane.chosen ? plane.place(plane.chosen) : []);

function choose(one, opening = true) {
  if (!one) return;
  plane.choose(one);
  at("map-said").textContent = [one.title, one.genres.join(", "), plane.describeMark(one)].filter(Boolean).join("; ");
  point(one);
  if (opening) open(one);
}

function point(one) {
  plane.pointed = one;
  plane.draw();
}

/** Shows the label of a title next to its point. */
function label(one) {
  const tip = at("map-tip");
  const [x, y] = one ? plane.place(one) : [-1, -1];
  const box = at("plane").getBoundingClientRect();
  tip.hidden = !one || x < 0 || y < 0 || x > box.width || y > box.height;
  if (tip.hidden) return;
  tip.replaceChildren(make("b", {}, plain(one)), one.year ? ` ${one.year}` : "", make("br"), one.genres.join(" · ") || "no genre");
  tip.style.left = `${Math.min(Math.max(x, tip.offsetWidth / 2 + 4), box.width - tip.offsetWidth / 2 - 4)}px`;
  tip.style.top = `${y > tip.offsetHeight + 24 ? y - tip.offsetHeight - 14 : y + 16}px`;
}
