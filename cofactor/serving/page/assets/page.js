// The page begins here: who is shown, which view, and what follows when either changes.

import { ask, complain } from "./ask.js";
import { drawCompare, useModels } from "./compare.js";
import { at, undo } from "./dom.js";
import { useGenres } from "./film.js";
import "./find.js";
import { drawKnown, followAlike } from "./known.js";
import { drawList, filters } from "./list.js";
import { drawMap, markMap } from "./map.js";
import { invented, me, useCard, watch } from "./person.js";
import { useScale } from "./stars.js";

const VIEWS = ["recommend", "map", "compare", "model"];
let users = 0;

function view() {
  const named = location.hash.slice(1);
  return VIEWS.includes(named) ? named : "recommend";
}

/** Marks the view of the address as current and draws what is only drawn when looked at. */
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

/** Turns the page to another user. */
async function choose(user) {
  if (!user) return;
  Object.assign(me, { user, unheard: false });
  at("user").value = user;
  at("filters").elements.user.value = user;
  const address = new URL(location.href);
  address.searchParams.set("user", user);
  history.replaceState(null, "", address);
  document.title = `For ${user} · cofactor`;
  retwin();
  for (const link of document.querySelectorAll(".models a")) {
    const other = new URL(link.href);
    other.searchParams.set("user", user);
    link.href = other.search;
  }
  await drawAll(true);
}

/** Draws what depends on the user: first the list, which says whether anything is known of them at all. */
async function drawAll(anew = false) {
  await drawList();
  await drawKnown(anew);
  if (filters().seen) await drawList(); // with what they gave
  if (view() === "compare") await drawCompare();
  if (view() === "map") await markMap();
}

function retwin() {
  const base = document.body.dataset.model ? `models/${encodeURIComponent(document.body.dataset.model)}/` : "";
  at("twin").href = `${base}users/${encodeURIComponent(me.user)}/recommendations?stranger=popular`;
}

async function somebody() {
  const answer = await ask(`users?n=1&offset=${Math.floor(Math.random() * users)}`);
  if (answer.users.length) await choose(answer.users[0].user);
}

async function start() {
  const [card, genres] = await Promise.all([ask("model"), ask("genres"), useModels(document.body.dataset.model)]);
  ({ users } = card);
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
const refused = (error) => complain(at("problem"), error);
at("random").addEventListener("click", () => somebody().catch(refused));
at("invent").addEventListener("click", async () => {
  await choose(invented());
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
start().catch((error) => complain(at("problem"), error, () => location.reload()));
