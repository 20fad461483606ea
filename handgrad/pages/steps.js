// Walks through a graph: forward node by node, then back. Without this the picture stands whole.
const WORDS = {
  en: { all: "all of it", forward: "forward to {}", back: "back through {}", first: "to the beginning",
    before: "one step back", next: "one step on", last: "to the end" },
  ko: { all: "전체", forward: "순전파: {}까지", back: "역전파: {}", first: "처음으로",
    before: "한 단계 뒤로", next: "한 단계 앞으로", last: "끝으로" },
};
const words = WORDS[document.documentElement.lang] ?? WORDS.en;
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
    said.textContent = at === end ? words.all : (at > last ? words.back : words.forward).replace("{}", node);
  }
  function move(by) {
    do at += by; while (at > 0 && at < end && !named(nodes[at > last ? end - at : at]));
    return Math.max(0, Math.min(end, at));
  }

  button("«", words.first, () => 0);
  button("‹", words.before, () => move(-1));
  button("›", words.next, () => move(1));
  button("»", words.last, () => end);
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

// Numbers that follow: a graph of single numbers, forward and back, for the inputs that are typed.
const FUNCTIONS = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
  "**": Math.pow, neg: (a) => -a, negative: (a) => -a, ">": (a, b) => a > b, "<": (a, b) => a < b,
  where: (c, a, b) => (c ? a : b), maximum: Math.max, minimum: Math.min, square: (a) => a * a,
  relu: (a) => Math.max(a, 0), sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  softplus: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
};
function valueOf(expression, names) {
  if (typeof expression === "number") return expression;
  if (typeof expression === "string") return names[expression];
  const [name, ...parts] = expression;
  return (FUNCTIONS[name] ?? Math[name])(...parts.map((part) => valueOf(part, names)));
}
for (const figure of document.querySelectorAll("figure[data-numbers]")) {
  const nodes = JSON.parse(figure.dataset.numbers);
  const edges = [...figure.querySelectorAll("[data-from]")].map((drawn) => (
    { drawn, from: +drawn.dataset.from, to: +drawn.dataset.to }));
  const write = (edge, kind, number) => {
    const text = edge.drawn.querySelector(`text.${kind}`);
    if (text) text.textContent = String(Number(number.toPrecision(4))).replaceAll("-", "−");
  };

  function compute() {
    const values = nodes.map((node) => node.value);
    const names = nodes.map((node, i) => {
      const taken = edges.filter((edge) => edge.to === i).map((edge) => values[edge.from]);
      const own = Object.fromEntries([..."abcdefgh"].map((letter, k) => [letter, taken[k]]));
      values[i] ??= node.makes ? valueOf(node.makes, own) : taken[0];
      return { ...own, y: values[i] };
    });
    for (let i = nodes.length - 1; i >= 0; i -= 1) {
      const ways = edges.filter((edge) => edge.from === i);
      const gradient = ways.length ? ways.reduce((sum, way) => sum + way.gradient, 0) : 1;
      edges.filter((edge) => edge.to === i).forEach((edge, k) => {
        edge.gradient = gradient * (nodes[i].slopes ? valueOf(nodes[i].slopes[k], names[i]) : 1);
      });
    }
    for (const edge of edges) {
      write(edge, "value", values[edge.from]);
      write(edge, "gradient", edge.gradient);
    }
  }

  const fields = document.createElement("div");
  fields.className = "controls";
  for (const node of nodes.filter((node) => node.input)) {
    const label = document.createElement("label");
    const field = document.createElement("input");
    Object.assign(field, { type: "number", step: "any", value: node.value });
    field.addEventListener("input", () => {
      if (field.value === "") return;
      node.value = Number(field.value);
      figure.querySelector("details").hidden = true; // it has the numbers of the derivation
      compute();
    });
    label.append(node.input, " ", field);
    fields.append(label);
  }
  figure.querySelector("figcaption").before(fields);
}

// The search of the index: rules whose name or formula has the words in it.
const search = document.querySelector("input[type=search]");
search?.addEventListener("input", () => {
  const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll(".rules li")) {
    const text = `${item.textContent} ${item.dataset.words ?? ""}`.toLowerCase();
    item.hidden = !asked.every((word) => text.includes(word));
  }
  for (const part of document.querySelectorAll("section.family")) {
    part.hidden = !part.querySelector("li:not([hidden])");
  }
});
