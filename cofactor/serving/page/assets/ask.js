// Requests to the JSON routes of the service, which are public.

import { make, say, unsay } from "./dom.js";

const MAX_RETRIES = 5; // of a request to a busy service
const LONGEST_PAUSE = 10; // seconds; a request with a longer Retry-After is not repeated

/** An answer with a status other than 2xx; its detail and hint are shown to the user. */
export class Problem extends Error {
  constructor(status, detail, hint, retryAfter) {
    super([detail, hint].filter(Boolean).join(" — "));
    Object.assign(this, { status, detail, hint, retryAfter });
  }
}

const model = document.body.dataset.model; // "" is the default model

/** The JSON answer to a path below this page's model, or below the model `of`. */
export function ask(path, { body, method = body ? "POST" : "GET", of = model } = {}) {
  return send(of ? `models/${encodeURIComponent(of)}/${path}` : path, method, body, MAX_RETRIES);
}

/** The JSON answer to a path that does not belong to a model. */
export function askAll(path) {
  return send(path, "GET", undefined, MAX_RETRIES);
}

async function send(path, method, body, retries) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, "The service does not answer.", "Check that it is running and that the network is available.");
  }
  const busy = response.status === 429 || response.status === 503;
  const pause = Number(response.headers.get("retry-after") ?? 1);
  if (busy && retries > 0 && pause <= LONGEST_PAUSE) {
    const waiting = `The service is busy. Next attempt in ${Math.max(1, Math.ceil(pause))} s …`;
    say(waiting);
    await new Promise((done) => setTimeout(done, Math.max(0.3, pause) * 1000));
    unsay(waiting);
    return send(path, method, body, retries - 1);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Problem(response.status, ...describeProblem(response, answer, pause));
}

function describeProblem(response, answer, pause) {
  const wait = response.status === 429 || response.status === 503 ? `Try again in ${Math.ceil(pause)} s.` : "";
  if (response.status === 401) return ["This service requires an API key.", "Reload the page and enter a key as the password."];
  return [answer?.detail ?? `The service answered ${response.status}.`, wait || answer?.hint, pause];
}

/** Shows an error in an element, with a button to try again; hides the element if there is no error. */
export function showError(place, error, retry) {
  place.hidden = !error;
  place.replaceChildren();
  if (!error) return;
  place.append(error.message);
  if (retry) {
    const button = make("button", { type: "button", className: "quiet" }, "Try again");
    button.addEventListener("click", retry);
    place.append(" ", button);
  }
}

/** The query string of an address. A list repeats its name; empty values are left out. */
export function query(parameters) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== "" && one != null && one !== false) given.append(name, one);
  }
  return given.toString();
}
