// Elements, numbers, and what the page says. Text from the service is only ever set as text, never as HTML.

const SAID_FOR = 8000; // milliseconds

export const at = (id) => document.getElementById(id);

export function number(value, digits = 2) {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** An element with properties (a name with a hyphen, and role, are attributes) and children. */
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

/** Says something at the foot of the page, aloud too; with `undo` there is a button that takes it back. */
export function say(text, undo = null) {
  clearTimeout(fading);
  undoing = undo;
  surface();
  at("said").textContent = text;
  at("undo").hidden = undo === null;
  at("toast").hidden = false;
  fading = setTimeout(hush, SAID_FOR);
}

/** Takes back what was said, where nothing else was said since. */
export function unsay(text) {
  if (at("said").textContent === text) at("toast").hidden = true;
}

/** Nothing outside an open window can be seen or pressed: what is said moves into it, and out again. */
export function surface() {
  const place = document.querySelector("dialog[open]") ?? document.body;
  if (at("toast").parentElement !== place) place.append(at("toast"));
}

function hush() {
  if (at("toast").contains(document.activeElement) || at("toast").matches(":hover")) {
    fading = setTimeout(hush, SAID_FOR);
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

/** Calls a function once nothing has happened for a while. */
export function afterwards(milliseconds, act) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(act, milliseconds);
  };
}
