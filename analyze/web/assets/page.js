// What every page does when JavaScript is on: it listens for events and brings
// the parts marked data-live up to date, without moving the reader's focus.

const quiet = 1500; // ms after an event before the page looks, so that many are one

const news = document.getElementById("news");
const url = document.body.dataset.events;
let waiting = 0;
let counted = { session: 0, export: 0, warning: 0, outcome: 0 };

function say(text) {
  news.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { news.textContent = ""; }, 6000);
}

function words() {
  const files = counted.outcome;
  const parts = [];
  if (files) parts.push(files === 1 ? "1 file has arrived" : `${files} files have arrived`);
  if (counted.warning) parts.push(counted.warning === 1 ? "1 new warning" : `${counted.warning} new warnings`);
  counted = { session: 0, export: 0, warning: 0, outcome: 0 };
  return parts.join(", ");
}

// refresh replaces the live parts by those of the same page as it is now. A
// part in which somebody writes or holds the focus of a form stays.
export async function refresh() {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  if (!parts.length || document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const now = fresh.getElementById(part.id);
    if (!now || now.outerHTML === part.outerHTML) continue;
    const focus = part.contains(document.activeElement) ? document.activeElement : null;
    if (focus && focus.matches("input, select, textarea, button, summary")) continue;
    const href = focus && focus.getAttribute("href");
    const next = document.importNode(now, true);
    part.replaceWith(next);
    if (href) [...next.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === href)?.focus({ preventScroll: true });
    next.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    try {
      await refresh();
      const text = words();
      if (text) say(text);
    } catch { /* the next event tries again */ }
  }, quiet);
}

if (url && "EventSource" in window) {
  const source = new EventSource(url);
  for (const kind of Object.keys(counted)) {
    source.addEventListener(kind, (e) => {
      counted[kind]++;
      document.dispatchEvent(new CustomEvent("plodwatch", { detail: { kind, ...JSON.parse(e.data) } }));
      soon();
    });
  }
  addEventListener("pagehide", () => source.close());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
}

// What is wider than the screen can be scrolled by keyboard, too.
function reachable() {
  for (const box of document.querySelectorAll(".wide, .scroll")) {
    const wider = box.scrollWidth > box.clientWidth + 1;
    if (wider === box.hasAttribute("tabindex")) continue;
    if (wider) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", ((box.querySelector("caption") ?? box.closest("figure")?.querySelector("figcaption"))?.textContent || "table") + ", can be scrolled");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}
// Charts of days and weeks that are wider than the screen begin at their end.
function latest() {
  for (const box of document.querySelectorAll(".scroll[data-latest]")) box.scrollLeft = box.scrollWidth;
}

latest();
document.addEventListener("refreshed", latest);
reachable();
addEventListener("resize", reachable);
document.addEventListener("refreshed", reachable);
document.addEventListener("toggle", reachable, true);

// An open list of athletes closes with Escape and when something else is used.
for (const picker of document.querySelectorAll("details.picker")) {
  picker.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { picker.open = false; picker.querySelector("summary").focus(); }
  });
  document.addEventListener("click", (e) => { if (!picker.contains(e.target)) picker.open = false; });
}
