"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const search = document.getElementById("search");
  const found = document.getElementById("found");

  // --- anchors: whatever they name is opened, with all that it is folded in ---
  const reveal = (focus) => {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    if (!target) return;
    if (search.value && target.closest("[hidden]")) {
      search.value = "";
      filter();
    }
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (target.matches(".card")) target.querySelector(".fold").open = true;
    target.scrollIntoView();
    if (!focus) return;
    const stop = target.matches(".card") ? target.querySelector("summary") : target.tagName === "DETAILS" ? target.querySelector("summary") : target;
    if (!stop.matches("summary, a, button, input, [tabindex]")) stop.setAttribute("tabindex", "-1");
    stop.focus({ preventScroll: true });
  };
  addEventListener("hashchange", () => reveal(true));
  // A link to where one already is changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link && link.hash === location.hash) setTimeout(() => reveal(true));
  });

  // --- search ---
  const texts = new Map();
  const foldedBefore = new Map();
  const parts = all(".findable");
  const groups = all(".group");
  const sections = all("main > section");
  const text = (part) => {
    if (!texts.has(part)) texts.set(part, `${part.dataset.find ?? ""} ${part.textContent}`.toLowerCase());
    return texts.get(part);
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) {
      for (const part of [...parts, ...groups, ...sections]) part.hidden = false;
      for (const [part, open] of foldedBefore) part.open = open;
      foldedBefore.clear();
      document.body.classList.remove("searching");
      found.textContent = "";
      return;
    }
    document.body.classList.add("searching");
    const kept = new Set();
    let count = 0;
    for (const part of parts) {
      const matches = words.every((word) => text(part).includes(word));
      part.hidden = !matches;
      if (!matches) continue;
      count += 1;
      for (let holder = part; holder; holder = holder.parentElement) kept.add(holder);
    }
    for (const group of groups) {
      if (!group.classList.contains("findable")) group.hidden = !kept.has(group);
      if (!kept.has(group) || count > 200) continue;
      if (!foldedBefore.has(group)) foldedBefore.set(group, group.open);
      group.open = true;
    }
    for (const section of sections) section.hidden = !kept.has(section);
    found.textContent = count === 0 ? "Nothing found" : count === 1 ? "1 match" : `${count} matches`;
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches("input[type=search]")) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      filter();
    }
  });

  // --- raw differences: lines get their colour when they are about to be seen ---
  const kinds = { "+": "added", "−": "removed", "…": "gap" };
  const colour = (pre) => {
    const found = [];
    for (const line of pre.textContent.split("\n")) {
      const kind = kinds[line[0]] ?? "kept";
      if (found.at(-1)?.className === kind) {
        found.at(-1).textContent += `\n${line}`;
        continue;
      }
      const span = document.createElement("span");
      span.className = kind;
      span.textContent = line;
      found.push(span);
    }
    pre.replaceChildren(...found);
  };
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        seen.unobserve(target);
        colour(target);
      }
    },
    { rootMargin: "600px" },
  );
  for (const pre of all(".diff")) seen.observe(pre);
  const button = document.getElementById("open-raw");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const open = button.textContent === "Open all";
      for (const part of all("#raw details")) part.open = open;
      button.textContent = open ? "Close all" : "Open all";
    });
  }

  // --- paper: everything is open ---
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const part of closed) part.open = true;
    all(".diff").filter((pre) => !pre.firstElementChild).forEach(colour);
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
    closed = [];
  });

  if (location.hash) reveal(false);
})();
