// The interactive network of Clinome: one file for notebooks (anywidget) and exported pages. Fetches nothing; every text of
// the data goes in as text, never as markup. Beside it, `cytoscape` is cytoscape.js 3.35.0 (MIT), put in front of this file.

const HELP = "Arrow keys walk from node to node, Enter zooms in, Escape shows all.";

function element(parent, name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

const short = (name) => (name.length > 30 ? `${name.slice(0, 29).trimEnd()}…` : name);

function elements(data) {
  const { nodes, edges, kinds } = data;
  const made = nodes.id.map((id, i) => ({
    data: {
      id: `n${i}`, key: id, name: nodes.name[i], label: short(nodes.name[i]), kind: nodes.kind[i], note: nodes.note[i], role: nodes.role[i],
      colour: nodes.colour[i] ?? kinds[nodes.kind[i]].colour, shape: kinds[nodes.kind[i]].shape,
      size: nodes.size[i],
    },
    position: { x: nodes.x[i], y: nodes.y[i] },
  }));
  return made.concat(
    edges.source.map((source, i) => ({
      data: {
        id: `e${i}`, source: `n${source}`, target: `n${edges.target[i]}`, type: data.types[edges.type[i]],
        score: edges.score[i], number: edges.number[i],
      },
    })),
  );
}

function styles(root) {
  const look = getComputedStyle(root);
  const [ground, ink, line] = ["--ground", "--ink", "--edge"].map((name) => look.getPropertyValue(name).trim());
  return [
    { selector: "node", style: {
      "background-color": "data(colour)", shape: "data(shape)", width: "data(size)", height: "data(size)",
      "border-width": 1, "border-color": ink, label: "data(label)", color: ink,
      "font-family": "system-ui, sans-serif", "text-background-color": ground, "text-background-opacity": 0.7 } },
    { selector: 'node[role = "asked"]', style: { "border-width": 3, "font-weight": "bold" } },
    { selector: 'node[role = "fold"]', style: { "background-color": ground, "border-color": "data(colour)", "border-width": 4 } },
    { selector: "edge", style: { width: 1.5, "line-color": line, "curve-style": "haystack" } },
    { selector: 'edge[type = "INTERACTS_WITH"]', style: { "line-style": "dotted" } },
    { selector: ".quiet", style: { "text-opacity": 0, "text-background-opacity": 0 } },
    { selector: ".far", style: { opacity: 0.15 } },
    { selector: ".found", style: { "border-width": 4, "border-color": "#d55e00" } },
    { selector: "node.here", style: { "border-width": 5, "border-color": "#0072b2" } },
    { selector: ".hidden", style: { display: "none" } },
  ];
}

// Labels keep their size on the screen. Each goes below, above or beside its node, where it covers no other node and no
// label; the node with more links comes first, and a label that finds no place is hidden until one zooms in.
function placeLabels(cy, pen) {
  const zoom = cy.zoom(), size = 12, gap = 3;
  const nodes = cy.nodes(":visible").toArray().sort((a, b) => weight(b) - weight(a) || (a.id() < b.id() ? -1 : 1));
  const discs = nodes.map((node) => { const { x, y } = node.renderedPosition(), r = (node.height() / 2) * zoom; return [x - r, y - r, x + r, y + r]; });
  const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  const taken = [];
  cy.batch(() => {
    nodes.forEach((node, i) => {
      const wide = pen.measureText(node.data("label")).width, { x, y } = node.renderedPosition(), r = (node.height() / 2) * zoom + gap;
      const spots = {
        bottom: [x - wide / 2 - 2, y + r - 1, x + wide / 2 + 2, y + r + size + 2], top: [x - wide / 2 - 2, y - r - size - 2, x + wide / 2 + 2, y - r + 1],
        right: [x + r, y - size / 2 - 2, x + r + wide + 4, y + size / 2 + 2], left: [x - r - wide - 4, y - size / 2 - 2, x - r, y + size / 2 + 2],
      };
      const free = Object.keys(spots).find((side) => !taken.some((box) => meets(box, spots[side])) && !discs.some((disc, j) => j !== i && meets(disc, spots[side])));
      node.toggleClass("quiet", !free);
      if (!free) return;
      taken.push(spots[free]);
      const across = free === "left" || free === "right";
      node.style({
        "font-size": size / zoom, "text-halign": across ? free : "center", "text-valign": across ? "center" : free,
        "text-margin-y": across ? 0 : ((free === "top" ? -1 : 1) * gap) / zoom, "text-margin-x": across ? ((free === "left" ? -1 : 1) * gap) / zoom : 0,
      });
    });
  });
  return taken.length;
}

function weight(node) {
  return (node.data("role") === "asked" ? 1e6 : 0) + (node.hasClass("found") || node.hasClass("here") ? 1e5 : 0) + node.degree();
}

function draw(root, data) {
  root.dataset.drawn = "yes";
  if (data.title) element(root, "h2", {}, data.title);
  const tools = element(root, "div", { class: "tools" });
  const search = element(tools, "input", { type: "search", placeholder: "Search", "aria-label": "Search nodes by name or id" });
  const count = element(tools, "span", { class: "count", role: "status" });
  const buttons = ["Zoom in", "Zoom out", "Fit"].map((text) => element(tools, "button", { type: "button" }, text));
  const canvas = element(root, "div", { class: "canvas", tabindex: "0", role: "application", "aria-label": `Network. ${HELP}` });
  const told = element(root, "div", { class: "told", "aria-live": "polite" });
  const legend = element(root, "div", { class: "tools", "aria-label": "Legend: press to hide or show a kind" });
  const cut = element(root, "ul", { class: "cut" });
  for (const sentence of data.cut) element(cut, "li", {}, sentence);

  const cy = cytoscape({
    container: canvas, elements: elements(data), style: styles(root), layout: { name: "preset", fit: true, padding: 40 },
    minZoom: 0.05, maxZoom: 6,
  });
  root.network = cy;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "12px system-ui, sans-serif";
  let waiting = 0;
  const labels = () => { clearTimeout(waiting); waiting = setTimeout(() => { root.dataset.labels = placeLabels(cy, pen); }, 80); };
  cy.on("viewport position resize", labels);
  labels();

  const tell = (bold = "", rest = "") => {
    told.textContent = "";
    if (bold) element(told, "b", {}, bold);
    element(told, "span", {}, rest || (bold ? "" : HELP));
  };
  const about = (one) => {
    if (one.isEdge()) {
      const [a, b] = [one.source().data("name"), one.target().data("name")];
      const score = one.data("score") == null ? "" : `, score ${Number(one.data("score").toPrecision(3))}`;
      return tell(`${a} – ${b}`, `${one.data("type")}${score}${one.data("number") > 1 ? `, ${one.data("number").toLocaleString("en")} relationships` : ""}`);
    }
    const kind = data.kinds[one.data("kind")].words;
    return tell(one.data("name"), [kind, one.data("key"), one.data("note")].filter((text) => text && text !== one.data("name")).join("; "));
  };
  const focus = (one) => {
    cy.elements().removeClass("far here");
    if (!one) return tell();
    cy.elements().not(one.closedNeighborhood().union(one)).addClass("far");
    if (one.isNode()) one.addClass("here");
    return about(one);
  };
  let held = null;
  cy.on("mouseover", "node, edge", (event) => focus(event.target));
  cy.on("mouseout", "node, edge", () => focus(held));
  cy.on("tap", (event) => { held = event.target === cy ? null : event.target; focus(held); });

  const matches = () => {
    const text = search.value.trim().toLowerCase();
    cy.nodes().removeClass("found");
    if (!text) { count.textContent = `${data.nodes.id.length.toLocaleString("en")} nodes`; return cy.collection(); }
    const found = cy.nodes().filter((node) => node.data("name").toLowerCase().includes(text) || node.data("key").toLowerCase().includes(text));
    found.addClass("found");
    count.textContent = `${found.length} of ${data.nodes.id.length.toLocaleString("en")} nodes`;
    return found;
  };
  const go = (node) => { held = node; focus(node); cy.animate({ center: { eles: node }, zoom: Math.max(cy.zoom(), 1.2), duration: 200 }); };
  search.addEventListener("input", () => { matches(); labels(); });
  let turn = 0;
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const found = matches();
    if (found.length) go(found[turn++ % found.length]);
  });
  matches();
  buttons[0].addEventListener("click", () => cy.zoom({ level: cy.zoom() * 1.3, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } }));
  buttons[1].addEventListener("click", () => cy.zoom({ level: cy.zoom() / 1.3, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } }));
  buttons[2].addEventListener("click", () => { held = null; focus(null); cy.fit(undefined, 40); });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const nodes = cy.nodes(":visible");
    if (event.key in steps && nodes.length) {
      const at = held && held.isNode() ? nodes.toArray().findIndex((node) => node.same(held)) : -steps[event.key];
      held = nodes[(at + steps[event.key] + nodes.length) % nodes.length];
      focus(held);
    } else if (event.key === "Enter" && held) go(held);
    else if (event.key === "Escape") { held = null; focus(null); cy.fit(undefined, 40); }
    else return;
    event.preventDefault();
  });

  data.kinds.forEach((kind, i) => {
    const button = element(legend, "button", { type: "button", "aria-pressed": "true" });
    const glyph = element(button, "span", { "aria-hidden": "true" }, `${kind.glyph} `);
    if (kind.glyph !== "○") glyph.style.color = kind.colour;
    button.append(kind.words);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!shown));
      cy.nodes().filter((node) => node.data("kind") === i).toggleClass("hidden", shown);
      labels();
    });
  });
  for (const one of data.legend) {
    const line = element(legend, "span", {});
    const glyph = element(line, "span", { "aria-hidden": "true" }, `${one.glyph} `);
    if (one.colour) glyph.style.color = one.colour;
    line.append(one.words);
  }
  tell();

  const theme = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => { cy.style(styles(root)); labels(); };
  theme.addEventListener("change", repaint);
  let touched = false;
  for (const kind of ["pointerdown", "wheel", "keydown"]) canvas.addEventListener(kind, () => { touched = true; }, { passive: true });
  const sized = new ResizeObserver(() => { cy.resize(); if (!touched) cy.fit(undefined, 40); });
  sized.observe(canvas);
  return () => { theme.removeEventListener("change", repaint); sized.disconnect(); clearTimeout(waiting); cy.destroy(); };
}

for (const root of document.querySelectorAll("section.clinome-network:not([data-drawn])")) {
  draw(root, JSON.parse(root.querySelector("script").textContent));
}

export default {
  render({ model, el }) {
    const root = element(el, "section", { class: "clinome-network" });
    return draw(root, model.get("network"));
  },
};
