// Entry point of the page: the current user, the current view, and updates when either changes.

import { ask, showError } from "./ask.js";
import { drawCompare, useModels } from "./compare.js";
import { at, undo } from "./dom.js";
import { useGenres } from "./film.js";
import "./find.js";
import { drawKnown, followAlike } from "./known.js";
import { drawList, filters } from "./list.js";
import { drawMap, markMap } from "./map.js";
import { newUserId, me, useCard, watch } from "./person.js";
import { useScale } from "./stars.js";
import { useValues } from "./values.js";

const VIEWS = ["recommend", "map", "compare", "model"];
let users = 0;

function view() {
  const named = location.hash.slice(1);
  return VIEWS.includes(named) ? named : "recommend";
}

/** Marks the view named in the address as current, and draws it if it is drawn on demand. */
function turn() {
  const now = view();
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#${now}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
  if (now === "map") return drawMap();
  if (now === "compare") return drawCompare();
  return undefined;
}

/** Shows another user. */
async function choose(user) {
  if (!user) return;
  Object.assign(me, { user, unknown: false });
  at("user").value = user;
  at("filters").elements.user.value = user;
  const address = new URL(location.href);
  address.searchParams.set("user", user);
  history.replaceState(null, "", address);
  document.title = `For user ${user} · cofactor`;
  updateJsonLink();
  for (const link of document.querySelectorAll(".models a")) {
    const other = new URL(link.href);
    other.searchParams.set("user", user);
    link.href = other.search;
  }
  await drawAll(true);
}

/** Draws everything that depends on the user: first the list, which shows whether the user has ratings. */
async function drawAll(anew = false) {
  await drawList();
  await drawKnown(anew);
  if (filters().seen) await drawList(); // with the ratings
  if (view() === "compare") await drawCompare();
  if (view() === "map") await markMap();
}

function updateJsonLink() {
  const base = document.body.dataset.model ? `models/${encodeURIComponent(document.body.dataset.model)}/` : "";
  at("json-list").href = `${base}users/${encodeURIComponent(me.user)}/recommendations?stranger=popular`;
}

async function chooseRandomUser() {
  const answer = await ask(`users?n=1&offset=${Math.floor(Math.random() * users)}`);
  if (answer.users.length) await choose(answer.users[0].user);
}

async function start() {
  const [card, genres] = await Promise.all([ask("model"), ask("genres"), useModels(document.body.dataset.model)]);
  ({ users } = card);
  useValues(card);
  useScale(card);
  useCard(card);
  useGenres(genres.genres, card);
  at("random").disabled = users === 0;
  watch(drawAll);
  followAlike((user) => choose(user).then(() => at("list-heading").focus()));
  await drawAll(true);
  await turn();
  document.body.dataset.ready = "yes";
}

at("who").addEventListener("submit", (event) => {
  event.preventDefault();
  choose(at("user").value.trim());
});
const showProblem = (error) => showError(at("problem"), error);
at("random").addEventListener("click", () => chooseRandomUser().catch(showProblem));
at("new-user").addEventListener("click", async () => {
  await choose(newUserId());
  at("query").focus();
});
at("undo").addEventListener("click", undo);
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox], [type=range]), textarea");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) undo();
  if (event.key === "/" && !typing && !at("film").open) {
    event.preventDefault();
    location.hash = "recommend";
    at("query").focus();
  }
});
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  at(view()).querySelector("h1, h2").focus();
});
addEventListener("hashchange", turn);
start().catch((error) => showError(at("problem"), error, () => location.reload()));
