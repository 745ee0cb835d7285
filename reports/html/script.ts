/** The page's own script: filter, search, opening what a link points into. The page is complete without it. */
export const SCRIPT = `"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tools = document.getElementById("tools");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const unfold = document.getElementById("unfold");
  const controls = all("details.control");
  const observations = all("details.observation");
  const texts = new Map();
  let shelf = "all";

  const textOf = (drawer) => {
    if (!texts.has(drawer)) texts.set(drawer, drawer.textContent.toLowerCase());
    return texts.get(drawer);
  };
  const show = (drawer, yes) => drawer.classList.toggle("filtered", !yes);
  const apply = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const holds = (drawer) => words.every((word) => textOf(drawer).includes(word));
    let count = 0;
    for (const drawer of controls) {
      const yes = (shelf === "all" || drawer.dataset.shelf === shelf) && holds(drawer);
      show(drawer, yes);
      if (yes) count += 1;
    }
    for (const drawer of observations) show(drawer, holds(drawer));
    for (const group of all(".family-group")) show(group, all("details.control:not(.filtered)", group).length > 0);
    const seen = observations.filter((drawer) => !drawer.classList.contains("filtered")).length;
    const narrowed = shelf !== "all" || words.length > 0;
    shown.textContent = narrowed
      ? count + " of " + controls.length + " controls" + (words.length ? ", " + seen + " of " + observations.length + " observations" : "")
      : "";
  };
  for (const button of all("button[data-show]")) {
    button.addEventListener("click", () => {
      shelf = button.dataset.show;
      for (const other of all("button[data-show]")) other.setAttribute("aria-pressed", String(other === button));
      apply();
    });
  }
  search.addEventListener("input", apply);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target.tagName !== "INPUT") {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      apply();
    }
  });
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    for (const drawer of controls) drawer.open = open;
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Close all" : "Open all";
  });

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      node.classList.remove("filtered");
    }
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => {
    for (const drawer of all("details:not([open])")) {
      drawer.open = true;
      drawer.dataset.closed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const drawer of all("details[data-closed]")) {
      drawer.open = false;
      delete drawer.dataset.closed;
    }
  });
  tools.hidden = false;
  reveal();
})();`;
