// What makes the pages handier. Without it everything is there, one thing under another.

const STORE = "chapters played";

function played() {
  try {
    return new Set(JSON.parse(localStorage.getItem(STORE) || "[]"));
  } catch {
    return new Set();
  }
}

function remember(chapter) {
  try {
    localStorage.setItem(STORE, JSON.stringify([...played().add(chapter)]));
  } catch {
    // A browser that keeps nothing still plays everything.
  }
}

function showProgress() {
  const done = played();
  for (const link of document.querySelectorAll(".chapters [data-chapter]")) {
    link.querySelector(".done").hidden = !done.has(link.dataset.chapter);
  }
}

// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
function makeTabs(box) {
  const list = box.querySelector(".tablist");
  const tabs = [...list.querySelectorAll("a")];
  const panel = (tab) => document.getElementById(tab.hash.slice(1));
  list.setAttribute("role", "tablist");
  box.classList.add("tabbed");

  function select(tab, focus) {
    for (const other of tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      panel(other).hidden = !chosen;
    }
    if (focus) tab.focus();
  }

  tabs.forEach((tab, place) => {
    tab.id = `tab-${tab.hash.slice(1)}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", tab.hash.slice(1));
    panel(tab).setAttribute("role", "tabpanel");
    panel(tab).setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      select(tab);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place };
      if (!(event.key in step)) return;
      event.preventDefault();
      select(tabs[(place + step[event.key] + tabs.length) % tabs.length], true);
    });
  });
  select(tabs.find((tab) => tab.hash === location.hash) || tabs[0]);
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

function enhance() {
  document.querySelectorAll("[data-tabs]:not(.tabbed)").forEach(makeTabs);
  const output = document.getElementById("output");
  if (output) remember(document.querySelector(".chapter").dataset.chapter);
  showProgress();
}

document.querySelectorAll("[data-copy]").forEach(makeCopying);
enhance();

document.addEventListener("htmx:after:swap", () => {
  enhance();
  // The button that was pressed is gone with what it was on: keep the keyboard where it was.
  if (document.activeElement === document.body) {
    const error = document.querySelector("#sandbox .broken, #sandbox .wrong");
    (error ? document.getElementById("sandbox") : document.getElementById("run"))?.focus({ preventScroll: true });
  }
});
