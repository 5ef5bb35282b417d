// The graph with its buttons, pointer and keys.

import { html } from "./dom";
import { inUnit } from "./format";
import { GraphView, describe } from "./graph";
import { colour } from "./heat";
import { type State } from "./state";
import { isDark } from "./theme";
import { type Item } from "./tree";

const SIGN = 24; // the width of the sign that opens or closes a group

export class GraphPanel {
  readonly graph: GraphView;
  readonly element: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly said = html("div", { class: "hidden", "aria-live": "polite" });
  private readonly legend = html("div", { class: "legend", hidden: true });
  private before: string | undefined;
  private drag: { x: number; y: number; moved: boolean } | null = null;

  constructor(private readonly state: State) {
    this.graph = new GraphView(state, isDark);
    const { name } = state.net.data;
    this.stage = html("div", {
      class: "stage", tabindex: 0, role: "application", "aria-roledescription": "graph",
      "aria-label": `Graph of ${name}. Up and down go along the layers, right and left into a group and out of it, Enter opens or closes it, plus and minus zoom, 0 shows all.`,
    }, this.graph.element);
    const button = (text: string, label: string, act: () => void) => html("button", { type: "button", title: label, "aria-label": label, click: act }, text);
    const tools = html("div", { class: "tools", role: "toolbar", "aria-label": "Graph" },
      button("+", "Zoom in", () => this.graph.zoom(1.3)), button("−", "Zoom out", () => this.graph.zoom(1 / 1.3)),
      button("Fit", "Fit the whole net", () => this.graph.fit()),
      button("Open all", "Open all groups", () => { state.toggleAll(true); this.graph.fit(); }),
      button("Close all", "Close all groups", () => { state.toggleAll(false); this.graph.home(); }),
    );
    this.element = html("section", { class: "graph", "aria-label": "Graph" }, this.stage, tools, this.legend, this.said);
    this.pointer();
    this.stage.addEventListener("keydown", (event) => this.key(event));
    state.on("select", () => this.say());
    for (const event of ["heat", "theme", "open", "net"] as const) state.on(event, () => this.explain());
    addEventListener("beforeprint", () => this.printing(true));
    addEventListener("afterprint", () => this.printing(false));
  }

  private say(): void {
    const { selected } = this.state;
    if (!selected) this.said.textContent = "";
    else this.said.textContent = describe(selected, this.state) + (selected.children.length ? (selected.open ? "; open" : "; closed") : "");
  }

  private pointer(): void {
    const { stage } = this;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const bounds = stage.getBoundingClientRect();
      if (event.ctrlKey || !event.shiftKey) this.graph.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.04 : 0.0016)), event.clientX - bounds.left, event.clientY - bounds.top);
      else this.graph.pan(-event.deltaY, 0);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.drag = { x: event.clientX, y: event.clientY, moved: false };
    });
    stage.addEventListener("pointermove", (event) => {
      const { drag } = this;
      if (!drag) {
        this.state.hover(this.graph.at(event.clientX, event.clientY)?.item ?? null, "graph");
        return;
      }
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      if (!drag.moved) stage.setPointerCapture(event.pointerId);
      this.drag = { x: event.clientX, y: event.clientY, moved: true };
      stage.classList.add("moving");
      this.graph.pan(dx, dy);
    });
    const end = () => {
      stage.classList.remove("moving");
      setTimeout(() => (this.drag = null));
    };
    stage.addEventListener("pointerup", end);
    stage.addEventListener("pointercancel", end);
    stage.addEventListener("pointerleave", () => this.state.hover(null, "graph"));
    stage.addEventListener("click", (event) => {
      if (this.drag?.moved) return;
      const found = this.graph.at(event.clientX, event.clientY);
      const item = found?.item ?? null;
      if (item?.children.length && found && found.onHead && found.left < SIGN) this.state.toggle(item);
      this.state.select(item, "graph");
    });
    stage.addEventListener("dblclick", (event) => {
      const found = this.graph.at(event.clientX, event.clientY);
      if (found && !(found.onHead && found.left < SIGN)) this.state.toggle(found.item);
    });
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { state } = this;
    const at = state.selected;
    const act = ({
      ArrowDown: () => this.go(neighbour(at, state.net.root, 1)),
      ArrowUp: () => this.go(neighbour(at, state.net.root, -1)),
      ArrowRight: () => this.into(at),
      ArrowLeft: () => this.go(at?.parent && at.parent !== state.net.root ? at.parent : at),
      Enter: () => at && (state.toggle(at), this.say()),
      " ": () => at && (state.toggle(at), this.say()),
      Escape: () => state.select(null, "keys"),
      "+": () => this.graph.zoom(1.3), "=": () => this.graph.zoom(1.3), "-": () => this.graph.zoom(1 / 1.3), "0": () => this.graph.fit(),
    } as Record<string, () => void>)[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  private into(item: Item | null): void {
    if (!item) return this.go(this.state.net.root.children[0] ?? null);
    if (!item.children.length) return;
    if (!item.open) this.state.toggle(item, true);
    this.go(item.children[0]);
  }

  private go(item: Item | null): void {
    if (item) this.state.select(item, "keys");
  }

  private explain(): void {
    const { heat } = this.state;
    this.legend.hidden = heat === null;
    if (heat === null) return;
    const [column, heading] = heat < 0 ? ["", "receptive field"] : this.state.net.data.columns[heat];
    const steps = Array.from({ length: 24 }, (_, at) => {
      const step = html("span");
      step.style.background = colour(at / 23, isDark()).fill;
      return step;
    });
    const most = this.graph.most(this.state.net.root);
    this.legend.replaceChildren(html("span", {}, `${heading}: 0`), html("span", { class: "ramp" }, ...steps), html("span", {}, heat < 0 ? String(most) : inUnit(column, most)));
  }

  private printing(on: boolean): void {
    const { element } = this.graph;
    const { dataset } = document.documentElement;
    if (!on) {
      element.removeAttribute("viewBox");
      if (this.before) dataset["theme"] = this.before;
      else delete dataset["theme"];
      this.state.emit("theme");
      return;
    }
    this.before = dataset["theme"];
    dataset["theme"] = "light"; // paper is
    this.state.emit("theme");
    this.graph.fit();
    this.graph.drawNow();
    element.setAttribute("viewBox", `0 0 ${this.stage.clientWidth} ${this.stage.clientHeight}`);
  }
}

/** Return the item after or before another, at its level or that of a group around it. */
function neighbour(item: Item | null, root: Item, step: 1 | -1): Item | null {
  if (!item) return root.children[step > 0 ? 0 : root.children.length - 1] ?? null;
  for (let at = item; at.parent; at = at.parent) {
    const next = at.parent.children[at.parent.children.indexOf(at) + step];
    if (next) return next;
  }
  return item;
}
