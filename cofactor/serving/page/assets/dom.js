// Elements, numbers and messages. Text from the service is always set as text, never as HTML.

const MESSAGE_TIME = 8000; // milliseconds

export const at = (id) => document.getElementById(id);

export function number(value, digits = 2) {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** A new element with properties (attributes if the name has a hyphen or is `role`) and children. */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

let undoing = null;
let fading;

/** Shows a message at the bottom of the page, in a live region; with `undo`, it has an Undo button. */
export function say(text, undo = null) {
  clearTimeout(fading);
  undoing = undo;
  surface();
  at("said").textContent = text;
  at("undo").hidden = undo === null;
  at("toast").hidden = false;
  fading = setTimeout(hush, MESSAGE_TIME);
}

/** Hides a message if it is still shown. */
export function unsay(text) {
  if (at("said").textContent === text) at("toast").hidden = true;
}

/** Moves the message into the open dialog, because nothing outside it can be used, and out again. */
export function surface() {
  const place = document.querySelector("dialog[open]") ?? document.body;
  if (at("toast").parentElement !== place) place.append(at("toast"));
}

function hush() {
  if (at("toast").contains(document.activeElement) || at("toast").matches(":hover")) {
    fading = setTimeout(hush, MESSAGE_TIME);
    return;
  }
  undoing = null;
  at("toast").hidden = true;
  at("said").textContent = "";
}

export function undo() {
  const now = undoing;
  undoing = null;
  at("undo").hidden = true;
  now?.();
}

/** A function that calls `act` when it has not been called for some milliseconds (debounce). */
export function afterwards(milliseconds, act) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, milliseconds);
  };
}
