// The current user and their ratings, which the service stores if it accepts ratings; otherwise this page does.

import { ask, Problem, query } from "./ask.js";
import { say } from "./dom.js";
import { written } from "./values.js";

const PAGE = 100; // maximum number of ratings in an answer
const MOST = 1000; // maximum number of ratings in a request

export const me = { user: document.body.dataset.user, unknown: false }; // unknown: the service has no ratings of the user
let acceptsRatings = false;
const localRatings = new Map(); // user -> item -> {film, rating | null}, the latest last

export function useCard(card) {
  acceptsRatings = card.takes_ratings;
}

/** The id of a new user. */
export function newUserId() {
  const digits = crypto.getRandomValues(new Uint8Array(3));
  return `you-${[...digits].map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}

export const whose = (user = me.user) => (user.startsWith("you-") ? "you" : "they");
const path = (user) => `users/${encodeURIComponent(user)}`;

/** A page of a user's ratings: {total, ratings}. */
export async function known(user, offset, n) {
  if (!localRatings.get(user)?.size) return trained(user, offset, n);
  const all = await history(user);
  return { total: all.length, ratings: all.slice(offset, offset + n) };
}

async function trained(user, offset, n) {
  const none = { total: 0, ratings: [] };
  if (user === me.user && me.unknown) return none;
  try {
    return await ask(`${path(user)}/ratings?${query({ offset: String(offset), n })}`);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return none;
    throw error;
  }
}

/** All ratings of a user, up to the maximum of a request: those of the service, updated with those of this page. */
async function history(user) {
  const changes = localRatings.get(user) ?? new Map();
  const all = [];
  for (let offset = 0, total = 1; offset < Math.min(total, MOST); offset += PAGE) {
    const answer = await trained(user, offset, PAGE);
    total = answer.total;
    all.push(...answer.ratings);
  }
  const own = [...changes.values()].reverse().filter(({ rating }) => rating !== null);
  const said = own.map(({ film, rating }) => ({ ...film, rating, time: null, source: "page" }));
  return [...said, ...all.filter(({ item }) => !changes.has(item))].slice(0, MOST);
}

/** The recommendations of a user: by id or, if this page stores ratings of the user, by all ratings. */
export async function recommended(user, asked, of) {
  if (!localRatings.get(user)?.size) {
    const answer = await ask(`${path(user)}/recommendations?${query({ ...asked, stranger: "popular" })}`, { of });
    if (user === me.user && !of) me.unknown = answer.source === "popular" && answer.ratings === 0;
    return answer;
  }
  const ratings = (await history(user)).map(({ item, rating }) => ({ item, rating }));
  const typed = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== "" && value != null));
  return ask("recommendations", { body: { ...typed, ratings }, of });
}

/** The explanation of an item's score; null if the service does not have the user's ratings. */
export async function explained(user, item) {
  if (localRatings.get(user)?.size || me.unknown) return null;
  return ask(`${path(user)}/explanations/${encodeURIComponent(item)}?n=5`).catch(() => null);
}

const watchers = [];

/** Registers a function that is called, and awaited, after each change of this user's ratings. */
export const watch = (act) => watchers.push(act);
const changed = () => Promise.all(watchers.map((act) => act()));

/** Saves a rating, or deletes it if null; shows a message with an Undo button. */
export async function rate(film, rating) {
  const { user } = me;
  const before = seen.get(film.item) ?? null;
  await give(user, film, rating);
  const what = rating === null ? `Deleted: ${film.title}` : `Saved: ${film.title}${written(rating)}`;
  say(acceptsRatings ? what : `${what} (on this page only)`, async () => {
    await give(user, film, before);
    say(`Undone: ${film.title}`);
  });
}

async function give(user, film, rating) {
  try {
    await put(user, film, rating);
  } catch (error) {
    say(`Not saved: ${error.message}`);
    return;
  }
  if (user !== me.user) return;
  if (rating === null) seen.delete(film.item);
  else seen.set(film.item, rating);
  await changed();
}

async function put(user, film, rating) {
  if (!acceptsRatings) {
    const changes = localRatings.get(user) ?? localRatings.set(user, new Map()).get(user);
    changes.delete(film.item);
    changes.set(film.item, { film, rating });
  } else if (rating === null) {
    await ask(`${path(user)}/ratings/${encodeURIComponent(film.item)}`, { method: "DELETE" });
  } else {
    await ask("ratings", { body: { ratings: [{ user, item: film.item, rating }] } });
  }
}

// Ratings of this user that the page has loaded ----------------------------------------------------------------------

const seen = new Map(); // item -> rating
let complete = null; // promise of all ratings

export const ratingOf = (item) => seen.get(item);

export function remember(ratings) {
  for (const { item, rating } of ratings) seen.set(item, rating);
}

export function forget() {
  seen.clear();
  complete = null;
}

/** All ratings of this user, by item. */
export async function allRated() {
  const { user } = me;
  complete ??= history(user).then((ratings) => user === me.user && remember(ratings)).catch(() => (complete = null));
  await complete;
  return seen;
}
