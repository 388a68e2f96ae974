// Tabs, progress, theme and copying. Without it each page shows everything, one below the other.

const STORES = { run: "chapters played", solved: "exercises solved" };
const WORDS = { run: "run", solved: "solved" };

function stored(name) {
  try {
    return new Set(JSON.parse(localStorage.getItem(STORES[name]) || "[]"));
  } catch {
    return new Set();
  }
}

function remember(name, chapter) {
  try {
    localStorage.setItem(STORES[name], JSON.stringify([...stored(name).add(chapter)]));
  } catch {
    // Without storage there is no progress to show.
  }
}

function showProgress() {
  const run = stored("run");
  const solved = stored("solved");
  for (const link of document.querySelectorAll("[data-progress]")) {
    const chapter = link.dataset.progress;
    const state = solved.has(chapter) ? "solved" : run.has(chapter) ? "run" : "";
    const done = link.querySelector("[data-done]");
    link.classList.toggle("is-run", state === "run");
    link.classList.toggle("is-solved", state === "solved");
    done.textContent = state ? ` ${WORDS[state]}` : "";
    done.hidden = !state;
  }
}

// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
function makeTabs(box) {
  const list = box.querySelector(".tablist");
  const tabs = [...list.querySelectorAll("a")];
  const panel = (tab) => document.getElementById(tab.hash.slice(1));
  let selected = tabs.find((tab) => tab.hash === location.hash) || tabs[0];
  list.setAttribute("role", "tablist");
  box.classList.add("tabbed");

  function select(tab, focus) {
    selected = tab;
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      panel(other).hidden = !chosen;
      panel(other).setAttribute("role", "tabpanel");
      panel(other).setAttribute("aria-labelledby", other.id);
    }
    if (focus) tab.focus();
  }

  tabs.forEach((tab, place) => {
    tab.id = `tab-${tab.hash.slice(1)}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", tab.hash.slice(1));
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      select(tab);
      box.querySelector(".scroll").scrollTop = 0;
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place };
      if (!(event.key in step)) return;
      event.preventDefault();
      select(tabs[(place + step[event.key] + tabs.length) % tabs.length], true);
    });
  });
  box.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    select(tabs[0]);
    showLine(link);
  });
  select(selected);
  return { refresh: () => select(selected), isFirst: () => selected === tabs[0] };
}

function showLine(link) {
  const line = document.querySelector(link.hash);
  const scroll = line?.closest(".scroll");
  // On a phone the page scrolls; otherwise only the workbench does.
  if (scroll && getComputedStyle(scroll).overflowY !== "visible") {
    const above = line.getBoundingClientRect().top - scroll.getBoundingClientRect().top;
    scroll.scrollTop += above - scroll.clientHeight / 3;
  } else {
    line?.scrollIntoView({ block: "center" });
  }
}

function makeCopying(button) {
  const text = button.parentElement.querySelector("code").textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

function makeThemeSwitch(button) {
  const themes = ["system", "light", "dark"];
  const root = document.documentElement;
  const show = () => (button.textContent = `Theme: ${root.dataset.theme || "system"}`);
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // The theme lasts for this page.
    }
    show();
  });
  show();
}

const chapter = document.querySelector(".chapter")?.dataset.chapter;
const box = document.querySelector("[data-tabs]");
const tabs = box && makeTabs(box);
document.querySelectorAll("[data-copy]").forEach(makeCopying);
document.querySelectorAll("[data-theme-switch]").forEach(makeThemeSwitch);

function showResult() {
  if (document.querySelector("#sql .statements")) remember("run", chapter);
  if (document.querySelector("[data-solved]")) remember("solved", chapter);
  showProgress();
}

function showRefusal() {
  const link = document.querySelector("[data-line]");
  if (link && tabs?.isFirst()) showLine(link);
}

// The list of chapters scrolls by itself: begin where the reader is.
const side = document.querySelector(".side");
const current = side?.querySelector("[aria-current]");
if (current) side.scrollTop = current.offsetTop - side.clientHeight / 3;

showResult();
showRefusal();

let pressed = "";
document.addEventListener("submit", (event) => (pressed = event.submitter?.id || ""), true);

document.addEventListener("htmx:after:swap", (event) => {
  tabs?.refresh();
  showResult();
  if (event.target?.id === "results" || event.detail?.ctx?.target?.id === "results") showRefusal();
  // The pressed button was replaced: keep the keyboard's place.
  if (document.activeElement === document.body) {
    const replaced = event.detail?.ctx?.target?.id || event.target?.id;
    const place = document.getElementById(pressed) || document.getElementById(replaced || "sandbox");
    place?.focus({ preventScroll: true });
  }
});
