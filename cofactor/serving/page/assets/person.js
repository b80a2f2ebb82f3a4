// Whose list it is, and what they rated: kept by the service where it takes ratings, by this page where not.

import { ask, Problem, query } from "./ask.js";
import { say } from "./dom.js";

const PAGE = 100; // ratings that one answer holds
const MOST = 1000; // ratings that one request may send

export const me = { user: document.body.dataset.user, unheard: false }; // unheard: nothing is known of them
let takes = false;
const kept = new Map(); // user -> item -> {film, rating | null}, the latest word last

export function useCard(card) {
  takes = card.takes_ratings;
}

/** Somebody nobody has heard of. */
export function invented() {
  const digits = crypto.getRandomValues(new Uint8Array(3));
  return `you-${[...digits].map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}

export const whose = (user = me.user) => (user.startsWith("you-") ? "you" : "they");
const path = (user) => `users/${encodeURIComponent(user)}`;

/** A page of somebody's ratings: {total, ratings}. */
export async function known(user, offset, n) {
  if (!kept.get(user)?.size) return trained(user, offset, n);
  const all = await history(user);
  return { total: all.length, ratings: all.slice(offset, offset + n) };
}

async function trained(user, offset, n) {
  const none = { total: 0, ratings: [] };
  if (user === me.user && me.unheard) return none;
  try {
    return await ask(`${path(user)}/ratings?${query({ offset: String(offset), n })}`);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return none;
    throw error;
  }
}

/** All that is known of somebody, as far as one request can hold it: what the service says, overlaid by what this page keeps. */
async function history(user) {
  const words = kept.get(user) ?? new Map();
  const all = [];
  for (let offset = 0, total = 1; offset < Math.min(total, MOST); offset += PAGE) {
    const answer = await trained(user, offset, PAGE);
    total = answer.total;
    all.push(...answer.ratings);
  }
  const own = [...words.values()].reverse().filter(({ rating }) => rating !== null);
  const said = own.map(({ film, rating }) => ({ ...film, rating, time: null, source: "page" }));
  return [...said, ...all.filter(({ item }) => !words.has(item))].slice(0, MOST);
}

/** Somebody's list: what GET …/recommendations answers, by whichever way knows all their ratings. */
export async function recommended(user, asked, of) {
  if (!kept.get(user)?.size) {
    const answer = await ask(`${path(user)}/recommendations?${query({ ...asked, stranger: "popular" })}`, { of });
    if (user === me.user && !of) me.unheard = answer.source === "popular" && answer.ratings === 0;
    return answer;
  }
  const ratings = (await history(user)).map(({ item, rating }) => ({ item, rating }));
  const typed = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== "" && value != null));
  return ask("recommendations", { body: { ...typed, ratings }, of });
}

/** Why an item has its score; null where the service cannot know. */
export async function explained(user, item) {
  if (kept.get(user)?.size || me.unheard) return null;
  return ask(`${path(user)}/explanations/${encodeURIComponent(item)}?n=5`).catch(() => null);
}

const watchers = [];

/** Has a function called (and waited for) whenever a rating of this user came or went. */
export const watch = (act) => watchers.push(act);
const changed = () => Promise.all(watchers.map((act) => act()));

/** Gives a rating, or takes it back with null; says so, and how to undo it. */
export async function rate(film, rating) {
  const { user } = me;
  const before = seen.get(film.item) ?? null;
  await give(user, film, rating);
  const what = rating === null ? `Taken back: ${film.title}` : `Saved: ${film.title} ★${rating}`;
  say(takes ? what : `${what} (in this page only)`, async () => {
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
  if (!takes) {
    const words = kept.get(user) ?? kept.set(user, new Map()).get(user);
    words.delete(film.item);
    words.set(film.item, { film, rating });
  } else if (rating === null) {
    await ask(`${path(user)}/ratings/${encodeURIComponent(film.item)}`, { method: "DELETE" });
  } else {
    await ask("ratings", { body: { ratings: [{ user, item: film.item, rating }] } });
  }
}

// What this user gave, as far as the page has seen -------------------------------------------------------------------

const seen = new Map(); // item -> rating
let complete = null; // the promise of having seen everything

export const ratingOf = (item) => seen.get(item);

export function remember(ratings) {
  for (const { item, rating } of ratings) seen.set(item, rating);
}

export function forget() {
  seen.clear();
  complete = null;
}

/** Everything this user rated, by item. */
export async function allRated() {
  const { user } = me;
  complete ??= history(user).then((ratings) => user === me.user && remember(ratings)).catch(() => (complete = null));
  await complete;
  return seen;
}
