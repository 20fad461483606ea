// Walks through a graph: forward node by node, then back. Without this the picture stands whole.
for (const figure of document.querySelectorAll("figure.graph")) {
  const nodes = [...figure.querySelectorAll("[data-node]")];
  const edges = [...figure.querySelectorAll("[data-from]")];
  const last = nodes.length - 1;
  const end = 2 * last + 1;
  let at = end;

  const controls = document.createElement("div");
  controls.className = "controls";
  const said = document.createElement("span");
  said.setAttribute("aria-live", "polite");
  const button = (text, label, go) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => { at = go(); show(); });
    controls.append(made);
  };
  const named = (node) => node.textContent.trim();

  function show() {
    const forward = Math.min(at, last);
    const back = at > last ? end - at : last + 1;
    nodes.forEach((node, i) => node.classList.toggle("off", i > forward));
    for (const edge of edges) {
      const [go, come] = edge.children;
      go.classList.toggle("off", +edge.dataset.from > forward || +edge.dataset.to > forward);
      come.classList.toggle("off", +edge.dataset.to < back);
    }
    const node = named(nodes[at > last ? Math.min(back, last) : forward]);
    said.textContent = at === end ? "all of it" : at > last ? `back through ${node}` : `forward to ${node}`;
  }
  function move(by) {
    do at += by; while (at > 0 && at < end && !named(nodes[at > last ? end - at : at]));
    return Math.max(0, Math.min(end, at));
  }

  button("«", "to the beginning", () => 0);
  button("‹", "one step back", () => move(-1));
  button("›", "one step on", () => move(1));
  button("»", "to the end", () => end);
  controls.append(said);
  figure.tabIndex = 0;
  figure.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") at = move(1);
    else if (event.key === "ArrowLeft") at = move(-1);
    else return;
    event.preventDefault();
    show();
  });
  figure.querySelector("figcaption").before(controls);
  show();
}

// The search of the index: rules whose name or formula has the words in it.
const search = document.querySelector("input[type=search]");
search?.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll(".rules li")) {
    const text = `${item.textContent} ${item.dataset.words ?? ""}`.toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
  }
  for (const part of document.querySelectorAll("section.family")) {
    part.hidden = !part.querySelector("li:not([hidden])");
  }
});
