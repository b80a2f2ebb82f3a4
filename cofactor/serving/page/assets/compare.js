// The lists of several models for the same user, side by side.

import { ask, askAll } from "./ask.js";
import { at, make } from "./dom.js";
import { line, score } from "./film.js";
import { filters } from "./list.js";
import { me, recommended } from "./person.js";

const N = 10;
const MOST = 3;
let served = [];
let chosen = [];
let turn = 0;
const cards = new Map(); // name -> promise of the model card

/** Loads the names of the models; the model of this page comes first. */
export async function useModels(current) {
  ({ models: served } = await askAll("models"));
  const first = served.find(({ name }) => name === current) ?? served.find((one) => one.default) ?? served[0];
  chosen = [first, ...served.filter((one) => one !== first)].slice(0, 2).map(({ name }) => name);
}

/** Draws the columns. */
export async function drawCompare() {
  const mine = ++turn;
  drawChoice();
  if (served.length < 2) {
    at("compare-note").textContent = "Only one model is served. To compare models, serve several: cofactor serve models/svd models/ials";
    return;
  }
  const lists = await Promise.all(chosen.map((name) => listOf(name).catch((error) => error)));
  if (mine !== turn) return;
  const counts = new Map();
  for (const { recommendations = [] } of lists) {
    for (const { item } of recommendations) counts.set(item, (counts.get(item) ?? 0) + 1);
  }
  const shared = [...counts.values()].filter((count) => count > 1).length;
  at("compare-note").textContent = `For user ${me.user}: ${shared} of ${counts.size} titles are in more than one list.`;
  at("columns").replaceChildren(...lists.map((list, place) => column(chosen[place], list, counts)));
}

async function listOf(name) {
  if (!cards.has(name)) cards.set(name, ask("model", { of: name }));
  const [card, list] = await Promise.all([cards.get(name), recommended(me.user, { ...filters(), n: N }, name)]);
  return { ...list, inStars: card.predicts_ratings };
}

function drawChoice() {
  const boxes = served.map(({ name, trainer }) => {
    const box = make("input", { type: "checkbox", value: name, checked: chosen.includes(name) });
    box.disabled = chosen.includes(name) ? chosen.length === 1 : chosen.length === MOST;
    box.addEventListener("change", () => {
      chosen = box.checked ? [...chosen, name] : chosen.filter((one) => one !== name);
      drawCompare().then(() => at("compare-models").querySelector(`[value="${CSS.escape(name)}"]`)?.focus());
    });
    return make("label", { className: "chip" }, box, name === trainer ? name : `${name} (${trainer})`);
  });
  at("compare-models").replaceChildren(...(served.length > 1 ? boxes : []));
}

function column(name, list, counts) {
  const heading = make("h3", {}, name);
  if (list instanceof Error) return make("section", { className: "column" }, heading, make("p", { className: "problem" }, list.message));
  const rows = list.recommendations.map((one) => {
    const row = line(one, { mark: score(one.score, list.source, list.inStars) });
    const among = counts.get(one.item);
    if (among > 1) {
      row.classList.add("shared");
      row.append(make("p", { className: "why" }, `in ${among === chosen.length ? "all" : among} lists`));
    }
    row.addEventListener("pointerenter", () => point(one.item, true));
    row.addEventListener("pointerleave", () => point(one.item, false));
    return row;
  });
  const made = make("section", { className: "column" }, heading, make("ol", { className: "films places" }, ...rows));
  made.setAttribute("aria-label", `List of ${name}`);
  return made;
}

function point(item, on) {
  for (const row of at("columns").querySelectorAll("li")) row.classList.toggle("pointed", on && row.dataset.item === item);
}
