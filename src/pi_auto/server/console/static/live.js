// Keeps the page as new as the books.
//
// Frames come from the server as events (or, where no stream is to be had, as answers to
// polling): lists of fragments, escaped there, each with the id of the element it replaces.
// Nothing here builds markup, and the page says truthfully whether it is live.

const MOST_ROWS = 200;
const SILENCE = 25_000; // ms; the server speaks every 10 s, so after this the stream is dead, whatever it says
const POLL_EVERY = 2_000;
const POLLS_BEFORE_STREAM = 15;
const SIGNED_OUT = "signed out"; // in place of a frame: no server that is away, and nothing to wait for

const page = document.querySelector("main");
const connection = document.querySelector("#connection");
let after = page.dataset.after; // the newest change shown
let at = Number(page.dataset.at); // the server's time of that, ms
let skew = Date.now() - at;
let source = null;
let timer = null;
let turn = 0; // whoever awaits something looks whether it is still its turn
let heard = Date.now();
let fresh = 0;

function say(state, words) {
  if (connection.dataset.state === state) return;
  connection.dataset.state = state;
  connection.querySelector("b").textContent = words;
}

// The session is over, or was ended in another tab. The page is looked at again when its tab is.
function sayWhereToSignIn() {
  say("out", "");
  const link = document.createElement("a");
  link.href = location.pathname + location.search; // with a fragment the click would only scroll
  link.textContent = "Signed out: sign in again";
  connection.querySelector("b").replaceChildren(link);
}

function address() {
  const url = new URL(page.dataset.live, location.href);
  url.searchParams.set("after", after);
  url.searchParams.set("at", at);
  return url;
}

// Each list is sorted by data-order: newest first, or by name.
function comesBefore(list, one, other) {
  return list.dataset.sort === "newest" ? Number(one) > Number(other) : one < other;
}

function place(list, item) {
  const template = document.createElement("template");
  template.innerHTML = item.html;
  const row = template.content.firstElementChild;
  const old = document.getElementById(item.id);
  if (old) {
    Object.assign(old.dataset, row.dataset);
    keepOpen(old, row);
    return old.replaceChildren(...row.childNodes); // the element stays, and with it the glow of a new row
  }
  const next = [...list.children].find((other) => comesBefore(list, row.dataset.order, other.dataset.order));
  if (!next && list.children.length >= MOST_ROWS) return;
  row.classList.add("fresh");
  list.insertBefore(row, next ?? null);
  if (list.id === "scans") fresh += 1;
}

// What somebody has opened stays open, and the keyboard where it was, while the row is renewed under them.
function keepOpen(old, row) {
  const [was, is] = [old, row].map((each) => each.querySelector("details"));
  if (!was || !is) return;
  is.open = was.open;
  if (was.contains(document.activeElement)) queueMicrotask(() => is.querySelector("summary").focus({ preventScroll: true }));
}

// A page of devices of one status: others leave it, and where some are missing more than fit were there before.
function keepOnly(ids) {
  const list = document.querySelector("#devices");
  for (const row of [...list.children]) if (!ids.includes(row.id)) row.remove();
  tidy(list);
  if (ids.length > list.children.length) location.reload();
}

function tidy(list) {
  while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
  const section = list.closest("section");
  section.classList.toggle("none", list.children.length === 0);
}

function count() {
  const rows = document.querySelector("#scans").children.length;
  if (fresh) document.querySelector("#scans-count").textContent = `${rows} shown, ${fresh} new since you opened this page`;
  const devices = [...document.querySelector("#devices").children].map((row) => row.dataset.presence);
  const words = ["online", "late", "offline", "never seen"].map((word) => [devices.filter((each) => each === word).length, word]);
  const title = document.querySelector("#devices-count");
  title.textContent = `${words.filter(([n]) => n).map(([n, word]) => `${n} ${word}`).join(", ")} ${title.dataset.among}`.trim();
}

function apply(frame) {
  heard = Date.now();
  if (frame.reload) return location.reload();
  for (const name of ["incidents", "devices", "scans"]) {
    const list = document.querySelector(`#${name}`);
    for (const item of frame[name]) place(list, item);
    tidy(list);
  }
  if (frame.only) keepOnly(frame.only);
  ({ after, at } = frame);
  skew = Date.now() - at;
  count();
  age();
}

// The same words as ago() in words.py.
function ago(seconds) {
  if (seconds < 1) return "just now";
  for (const [unit, size] of [["days", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

function age() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago((Date.now() - skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}

function rest() {
  turn += 1;
  source?.close();
  source = null;
  clearTimeout(timer);
}

function watch() {
  rest();
  heard = Date.now();
  source = new EventSource(address());
  source.onopen = () => say("live", "Live");
  source.onmessage = (event) => {
    say("live", "Live");
    apply(JSON.parse(event.data));
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) poll(POLLS_BEFORE_STREAM); // no seat, or a proxy that knows no streams
    else say("waiting", "Reconnecting…"); // the browser does so by itself
  };
}

async function fetched() {
  try {
    const answer = await fetch(address(), { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(SILENCE) });
    if (answer.status === 401) return SIGNED_OUT;
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function poll(left) {
  rest();
  if (left === 0) return watch();
  const mine = turn;
  const frame = await fetched();
  if (mine !== turn) return;
  if (frame === SIGNED_OUT) return sayWhereToSignIn();
  if (frame) apply(frame);
  say(...(frame ? ["polling", "Live, by polling"] : ["waiting", "Reconnecting…"]));
  timer = setTimeout(poll, POLL_EVERY, left - 1);
}

function look() {
  if (!document.hidden && source && Date.now() - heard > SILENCE) {
    say("waiting", "Reconnecting…");
    watch();
  }
  age();
}

// A browser opens six connections to one plain HTTP server: tabs that nobody looks at give theirs back.
function seen() {
  if (!document.hidden) return watch();
  rest();
  say("resting", "Resting");
}

document.addEventListener("visibilitychange", seen);
addEventListener("pagehide", rest);
addEventListener("pageshow", (event) => event.persisted && seen());
setInterval(look, 5_000);
seen();
