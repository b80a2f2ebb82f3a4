// The page asks the same routes that anybody may ask. Text from the model is only ever set as text, never as HTML.

const N = 10;
const WHY = 2;
const MOST_CHOICES = 11; // a finer scale is typed, not picked

const at = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });

let model = null; // what GET /model says
const mine = new Map(); // item -> {title, rating}, in the order of rating
let asked = 0; // the number of the latest question: an answer that comes late is not shown

// Asking -----------------------------------------------------------------------------------------------------------

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options || {});
  } catch {
    throw new Error("The service does not answer. Is it still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error([answer.detail, answer.hint].filter(Boolean).join(" — "));
  return answer;
}

async function show(question, heading, whose) {
  const turn = ++asked;
  at("items").classList.add("busy");
  try {
    const answer = await question();
    if (turn !== asked) return;
    at("heading").textContent = heading;
    fill("items", answer.recommendations, (one) => line(one, answer.recommendations[0].score, whose));
    at("note").textContent = answer.recommendations.length ? "" : "Nothing is left to recommend.";
    at("problem").hidden = true;
  } catch (error) {
    if (turn === asked) {
      at("heading").textContent = heading;
      complain(error);
    }
  } finally {
    if (turn === asked) at("items").classList.remove("busy");
  }
}

function complain(error) {
  at("problem").textContent = error.message;
  at("problem").hidden = false;
  at("note").textContent = "";
  at("items").replaceChildren();
}

function forUser(user) {
  at("user").value = user;
  const path = `users/${encodeURIComponent(user)}/recommendations?n=${N}&why=${WHY}`;
  at("twin").href = path;
  at("twin").hidden = false;
  history.replaceState(null, "", `#user=${encodeURIComponent(user)}`);
  return show(() => ask(path), `For user ${user}`, "they");
}

function forYou() {
  at("twin").hidden = true;
  history.replaceState(null, "", "#you");
  if (mine.size === 0) {
    asked += 1;
    at("items").replaceChildren();
    at("problem").hidden = true;
    at("heading").textContent = "For you";
    at("note").textContent = "Rate a title or two, and your list appears here.";
    return undefined;
  }
  const ratings = [...mine].map(([item, { rating }]) => ({ item, rating }));
  return show(() => ask("recommendations", { ratings, n: N, why: WHY }), "For you", "you");
}

async function similarTo(item, title) {
  at("similar-heading").textContent = `Similar to ${title}`;
  at("similar-items").replaceChildren();
  if (!at("similar").open) at("similar").showModal();
  try {
    const answer = await ask(`items/${encodeURIComponent(item)}/similar?n=${N}`);
    fill("similar-items", answer.similar, (one) => line(one, null, ""));
  } catch (error) {
    at("similar-items").replaceChildren(make("li", {}, error.message));
  }
}

let searched = 0;
async function search() {
  const turn = ++searched;
  const answer = await ask(`items?n=6&query=${encodeURIComponent(at("query").value.trim())}`).catch((error) => error);
  if (turn !== searched) return;
  if (answer instanceof Error) complain(answer);
  else if (answer.items.length === 0) at("found").replaceChildren(make("li", {}, "No title has these words."));
  else fill("found", answer.items, (one) => rateable(one.item, one.title, false));
}

// Showing ----------------------------------------------------------------------------------------------------------

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function fill(id, list, of) {
  at(id).replaceChildren(...list.map(of));
}

function line(one, best, whose) {
  const title = make("button", { type: "button", className: "title", title: "Similar titles" }, one.title);
  title.addEventListener("click", () => similarTo(one.item, one.title));
  const genres = make("ul", { className: "genres" }, ...one.genres.map((genre) => make("li", {}, genre)));
  genres.setAttribute("aria-label", "Genres");
  const below = make("div", { className: "below" }, genres);
  if (one.because.length) below.append(reasons(one.because, whose));
  return make("li", {}, title, best === null ? closeness(one.score) : score(one.score, best), below);
}

function reasons(because, whose) {
  const why = make("p", { className: "why" }, `Because ${whose} rated `);
  because.forEach((reason, place) => {
    if (place) why.append(place === because.length - 1 ? " and " : ", ");
    const stars = make("span", { className: "up" }, `${number(reason.rating)}★`);
    why.append(make("b", {}, reason.title), " ", stars);
  });
  return why;
}

function score(value, best) {
  const [lowest, highest] = model.scale;
  if (!model.predicts_ratings) return measure("level", best > 0 ? value / best : 0, number(value), "Score");
  const share = lowest >= 0 ? value / highest : (value - lowest) / (highest - lowest);
  return measure("stars", share, value.toFixed(1), "Predicted rating");
}

function closeness(value) {
  return measure("level", value, value.toFixed(2), "Similarity");
}

function measure(kind, share, text, what) {
  const picture = make("span", { className: kind, ariaHidden: "true" });
  picture.style.setProperty("--share", `${Math.max(0, Math.min(1, share)) * 100}%`);
  return make("span", { className: "score", title: what }, picture, make("span", {}, text));
}

// Rating -----------------------------------------------------------------------------------------------------------

function rateable(item, title, droppable) {
  const name = make("div", { className: "name" }, make("span", {}, title));
  if (droppable) {
    const drop = make("button", { type: "button", className: "quiet drop", ariaLabel: `Take back ${title}` }, "✕");
    drop.addEventListener("click", () => rate(item, title, null));
    name.append(drop);
  }
  return make("li", {}, name, picker(item, title, droppable ? "rated" : "found"));
}

function picker(item, title, place) {
  const set = make("fieldset", {}, make("legend", {}, `Your rating of ${title}`));
  const values = choices();
  const now = mine.get(item)?.rating;
  if (values === null) {
    const [min, max] = model.scale;
    const typed = make("input", { type: "number", min, max, step: model.step ?? "any", value: now ?? "" });
    typed.placeholder = `${number(min)} to ${number(max)}`;
    typed.setAttribute("aria-label", `Your rating of ${title}`);
    typed.addEventListener("change", () => typed.value && typed.reportValidity() && rate(item, title, Number(typed.value)));
    set.append(typed);
    return set;
  }
  values.forEach((value) => set.append(star(item, title, place, value, now)));
  set.append(make("output", {}, now === undefined ? "" : number(now)));
  return set;
}

function star(item, title, place, value, now) {
  const pick = make("input", { type: "radio", name: `${place}:${item}`, value, checked: value === now });
  pick.setAttribute("aria-label", `${number(value)} of ${number(model.scale[1])}`);
  pick.addEventListener("change", () => rate(item, title, value));
  const half = model.step === 0.5 ? (Number.isInteger(value) ? " half second" : " half") : "";
  return make("label", { className: `star${half}` }, pick, make("span", { ariaHidden: "true" }, "★"));
}

function choices() {
  const [lowest, highest] = model.scale;
  const { step } = model;
  if (!(step === 0.5 || step === 1) || lowest <= 0 || highest / step > MOST_CHOICES) return null;
  const values = [];
  for (let value = step; value <= highest; value += step) if (value >= lowest) values.push(value);
  return values;
}

function rate(item, title, rating) {
  const focused = document.activeElement;
  const name = focused?.name;
  if (rating === null) mine.delete(item);
  else mine.set(item, { title, rating });
  at("rated-heading").hidden = mine.size === 0;
  fill("rated", [...mine].reverse(), ([one, { title: its }]) => rateable(one, its, true));
  for (const set of at("found").querySelectorAll("fieldset")) refresh(set);
  if (name && !focused.isConnected) document.getElementsByName(name).forEach((one) => one.checked && one.focus());
  forYou();
}

function refresh(set) {
  for (const pick of set.querySelectorAll("input[type=radio]")) {
    const now = mine.get(pick.name.slice("found:".length))?.rating;
    pick.checked = Number(pick.value) === now;
    set.querySelector("output").textContent = now === undefined ? "" : number(now);
  }
}

// Starting ---------------------------------------------------------------------------------------------------------

function mode(you) {
  at("for-user").setAttribute("aria-pressed", String(!you));
  at("for-you").setAttribute("aria-pressed", String(you));
  at("user-form").hidden = you;
  at("you").hidden = !you;
  if (you) forYou();
  else if (at("user").value) forUser(at("user").value);
}

function describe() {
  const parts = [model.trainer ?? model.kind, `${number(model.users)} users`, `${number(model.items)} items`];
  const rmse = model.metrics?.rmse;
  if (typeof rmse === "number") parts.push(`RMSE ${rmse.toFixed(3)}`);
  at("card").textContent = [...parts, `version ${model.model}`].join(" · ");
}

async function somebody() {
  try {
    const { users } = await ask(`users?n=1&offset=${Math.floor(Math.random() * model.users)}`);
    if (users.length) await forUser(users[0].user);
  } catch (error) {
    complain(error);
  }
}

async function start() {
  model = await ask("model");
  describe();
  const { users } = await ask("users?n=100");
  fill("users", users, ({ user }) => make("option", { value: user }));
  const hash = decodeURIComponent(location.hash.slice(1));
  if (hash === "you" || users.length === 0) mode(true);
  else await forUser(hash.startsWith("user=") ? hash.slice("user=".length) : users[0].user);
  search();
}

at("user-form").addEventListener("submit", (event) => {
  event.preventDefault();
  forUser(at("user").value.trim());
});
at("random").addEventListener("click", somebody);
at("for-user").addEventListener("click", () => mode(false));
at("for-you").addEventListener("click", () => {
  mode(true);
  at("query").focus();
});
let pause;
at("query").addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(search, 120);
});
at("close").addEventListener("click", () => at("similar").close());
at("similar").addEventListener("click", (event) => event.target === at("similar") && at("similar").close());
start().catch(complain);
