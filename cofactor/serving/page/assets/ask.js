// Asking the service: the same JSON routes that anybody may ask.

import { make, say, unsay } from "./dom.js";

const PATIENCE = 5; // times that a busy service is asked again
const LONGEST_PAUSE = 10; // seconds; who is told to come later than that is told so

/** What the service answered other than 2xx: its detail and hint are for people to read. */
export class Problem extends Error {
  constructor(status, detail, hint, retryAfter) {
    super([detail, hint].filter(Boolean).join(" — "));
    Object.assign(this, { status, detail, hint, retryAfter });
  }
}

const model = document.body.dataset.model; // "" is the default one

/** The JSON answer to a path below the model of this page, or of another. */
export function ask(path, { body, method = body ? "POST" : "GET", of = model } = {}) {
  return send(of ? `models/${encodeURIComponent(of)}/${path}` : path, method, body, PATIENCE);
}

/** The JSON answer to a path that is not about one model. */
export function askAll(path) {
  return send(path, "GET", undefined, PATIENCE);
}

async function send(path, method, body, patience) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, "The service does not answer.", "Is it still running? Is there a network?");
  }
  const busy = response.status === 429 || response.status === 503;
  const pause = Number(response.headers.get("retry-after") ?? 1);
  if (busy && patience > 0 && pause <= LONGEST_PAUSE) {
    const waiting = `The service is busy: asking again in ${Math.max(1, Math.ceil(pause))} s …`;
    say(waiting);
    await new Promise((done) => setTimeout(done, Math.max(0.3, pause) * 1000));
    unsay(waiting);
    return send(path, method, body, patience - 1);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Problem(response.status, ...said(response, answer, pause));
}

function said(response, answer, pause) {
  const wait = response.status === 429 || response.status === 503 ? `Come back in ${Math.ceil(pause)} s.` : "";
  if (response.status === 401) return ["This service asks for a key.", "Load the page again, and enter one as the password."];
  return [answer?.detail ?? `The service answered ${response.status}.`, wait || answer?.hint, pause];
}

/** Shows what went wrong in a place for it, with a way to try again; hides the place without an error. */
export function complain(place, error, again) {
  place.hidden = !error;
  place.replaceChildren();
  if (!error) return;
  place.append(error.message);
  if (again) {
    const button = make("button", { type: "button", className: "quiet" }, "Try again");
    button.addEventListener("click", again);
    place.append(" ", button);
  }
}

/** Parameters of an address; a list gives its name several times, and what is empty is left out. */
export function query(parameters) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== "" && one != null && one !== false) given.append(name, one);
  }
  return given.toString();
}
