// The graph: an SVG that holds what is on screen and no more, with pan and zoom.

import { type OpData } from "./data";
import { svg } from "./dom";
import { inUnit, short } from "./format";
import { colour } from "./heat";
import { type Box, FONTS, HEAD, type Layout, Layouts, PAD, widthOf } from "./layout";
import { type State } from "./state";
import { type Item, besides, called, repeated, told } from "./tree";

const SMALLEST_TEXT = 0.42; // the scale below which words are left out
const READABLE = 0.62; // the least scale of the first view
const TOOLS = 44; // pixels above the graph that the buttons take
const SMALLEST_GROUP = 26; // pixels on screen below which a group's parts are left out

/** An item under the pointer: whether that is in its first line, and how far from its left side. */
export interface Hit {
  item: Item;
  onHead: boolean;
  left: number;
}

interface Frame {
  x: number;
  y: number;
  w: number;
  h: number;
}

export class GraphView {
  readonly element: SVGSVGElement;
  private readonly world = svg("g");
  private readonly lines = svg("g", { class: "lines" });
  private readonly frames = svg("g", { class: "frames" });
  private readonly nodes = svg("g", { class: "nodes" });
  private layouts: Layouts;
  private box: Box;
  private x = 0;
  private y = 0;
  private scale = 1;
  private pending = false;
  private shown = new Map<string, Element>();
  private next = new Map<string, Element>();
  private hottest = 0;
  private touched = false;
  private wide = 0;
  private high = 0;

  constructor(private readonly state: State, private readonly dark: () => boolean) {
    this.world.append(this.frames, this.lines, this.nodes);
    this.element = svg("svg", { class: "canvas", "aria-hidden": "true" }, arrows(), this.world);
    this.layouts = new Layouts(state.net);
    this.box = this.layouts.box(state.net.root);
    state.on("net", () => this.renew());
    state.on("open", (origin) => this.relaid(origin));
    state.on("heat", () => this.redraw());
    state.on("theme", () => this.redraw());
    state.on("hover", () => this.mark());
    state.on("select", (origin) => {
      this.mark();
      if (origin !== "graph" && state.selected) this.reveal(state.selected);
    });
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  /** Show the whole net. */
  fit(): void {
    const frame = this.whole();
    if (frame) this.view(frame, Math.min(1.1, (this.wide - 32) / frame.w, (this.high - TOOLS - 16) / frame.h));
  }

  /** Show the whole net, or its beginning where its words could not be read otherwise. */
  home(): void {
    const frame = this.whole();
    if (!frame) return;
    const all = Math.min(1.1, (this.wide - 32) / frame.w, (this.high - TOOLS - 16) / frame.h);
    this.view(frame, Math.max(all, Math.min(READABLE, (this.wide - 32) / frame.w)));
  }

  private whole(): Frame | null {
    const { root } = this.state.net;
    const frame = this.frame(root);
    return frame && this.wide && this.high ? { ...frame, h: frame.h + 26 * root.plan.outs.length } : null;
  }

  private view(frame: Frame, scale: number): void {
    this.scale = Math.max(0.004, scale);
    this.x = (this.wide - frame.w * this.scale) / 2;
    this.y = TOOLS + Math.max(0, (this.high - TOOLS - frame.h * this.scale) / 2 - 4);
    this.schedule();
  }

  zoom(factor: number, atX = this.wide / 2, atY = this.high / 2): void {
    const scale = Math.max(0.004, Math.min(4, this.scale * factor));
    this.x = atX - ((atX - this.x) * scale) / this.scale;
    this.y = atY - ((atY - this.y) * scale) / this.scale;
    this.scale = scale;
    this.touched = true;
    this.schedule();
  }

  pan(dx: number, dy: number): void {
    this.x += dx;
    this.y += dy;
    this.touched = true;
    this.schedule();
  }

  /** Move so that an item is in view, and its words can be read. */
  reveal(item: Item): void {
    const frame = this.frame(item);
    if (!frame) return;
    const room = Math.min((this.wide - 60) / frame.w, (this.high - 60) / frame.h);
    if (this.scale < 0.7 || frame.w * this.scale > this.wide) this.scale = Math.max(0.05, Math.min(1, room));
    const [left, top] = [this.x + frame.x * this.scale, this.y + frame.y * this.scale];
    const [right, bottom] = [left + frame.w * this.scale, top + frame.h * this.scale];
    if (left < 20 || right > this.wide - 20) this.x += this.wide / 2 - (left + right) / 2;
    if (top < 20 || bottom > this.high - 20) this.y += this.high / 2 - (top + bottom) / 2;
    this.schedule();
  }

  /** Return the item at a place of the window, the innermost. */
  at(clientX: number, clientY: number): Hit | null {
    const bounds = this.element.getBoundingClientRect();
    const x = (clientX - bounds.left - this.x) / this.scale;
    const y = (clientY - bounds.top - this.y) / this.scale;
    return find(this.state.net.root, this.box, 0, 0, x, y, this.scale);
  }

  /** Draw now, not with the next frame; for measurements. */
  drawNow(): number {
    const start = performance.now();
    this.draw();
    return performance.now() - start;
  }

  private frame(item: Item): Frame | null {
    const way: Item[] = [];
    for (let at: Item | null = item; at && at !== this.state.net.root; at = at.parent) way.unshift(at);
    let box = this.box;
    let [x, y] = [0, 0];
    let parent = this.state.net.root;
    for (const each of way) {
      if (!box.inner) return null;
      const at = parent.children.indexOf(each);
      [x, y] = inside(x, y, box, box.inner);
      x += box.inner.x[at];
      y += box.inner.y[at];
      box = box.inner.boxes[at];
      parent = each;
    }
    return { x, y, w: box.w, h: box.h };
  }

  private renew(): void {
    this.layouts = new Layouts(this.state.net);
    this.box = this.layouts.box(this.state.net.root);
    if (!this.touched) this.home();
    this.redraw();
  }

  private relaid(origin: string): void {
    const anchor = origin === "graph" ? (this.state.selected ?? this.state.hovered) : null;
    const before = anchor && this.frame(anchor);
    this.box = this.layouts.box(this.state.net.root);
    const after = anchor && this.frame(anchor);
    if (before && after && this.touched) {
      this.x += (before.x - after.x) * this.scale;
      this.y += (before.y - after.y) * this.scale;
    } else if (!this.touched) {
      this.home();
    }
    this.redraw();
  }

  private resized(): void {
    this.wide = this.element.clientWidth;
    this.high = this.element.clientHeight;
    if (this.touched) this.schedule();
    else this.home();
  }

  private redraw(): void {
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.schedule();
  }

  private schedule(): void {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  private draw(): void {
    this.world.setAttribute("transform", `translate(${this.x.toFixed(2)} ${this.y.toFixed(2)}) scale(${this.scale.toFixed(5)})`);
    this.element.classList.toggle("wordless", this.isWordless);
    this.hottest = this.state.heat === null ? 0 : this.most(this.state.net.root);
    this.next = new Map();
    const view = { x: -this.x / this.scale, y: -this.y / this.scale, w: this.wide / this.scale, h: this.high / this.scale };
    this.group(this.state.net.root, this.box, 0, 0, view);
    for (const [key, element] of this.shown) if (!this.next.has(key)) element.remove();
    this.shown = this.next;
    this.mark();
  }

  /** Return the largest value of the boxes that hold no other box. */
  most(item: Item): number {
    const { heat } = this.state;
    if (!item.open || !item.children.length) return heat === null ? 0 : (this.state.value(item, heat) ?? 0);
    return item.children.reduce((most, child) => Math.max(most, this.most(child)), 0);
  }

  private group(item: Item, box: Box, x: number, y: number, view: Frame): void {
    const layout = box.inner;
    if (!layout) return;
    if (item !== this.state.net.root) this.keep(`f${item.id}`, this.frames, () => this.drawnFrame(item, box, x, y));
    const [left, top] = inside(x, y, box, layout);
    if (box.h * this.scale < SMALLEST_GROUP && item !== this.state.net.root) {
      this.keep(`n${item.id}`, this.nodes, () => this.drawnBox(item, box, x, y));
      return;
    }
    item.children.forEach((child, at) => {
      const part = layout.boxes[at];
      const [px, py] = [left + layout.x[at], top + layout.y[at]];
      if (px > view.x + view.w || py > view.y + view.h || px + part.w < view.x || py + part.h < view.y) return;
      if (part.inner) this.group(child, part, px, py, view);
      else this.keep(`n${child.id}`, this.nodes, () => this.drawnBox(child, part, px, py, stack(layout, at)));
    });
    if (layout.h * this.scale > SMALLEST_GROUP) this.edges(item, layout, left, top, view);
    if (item === this.state.net.root) this.ports(layout, left, top);
  }

  private edges(item: Item, layout: Layout, left: number, top: number, view: Frame): void {
    layout.edges.forEach((edge, at) => {
      const { points } = edge;
      if (!points.length) return;
      const last = points.length - 1;
      const [low, high] = edge.gap !== undefined ? [0, layout.h] : [points[1], points[last]];
      if (top + high < view.y || top + low > view.y + view.h) return;
      this.keep(`e${item.id}.${at}`, this.lines, () => this.drawnLine(item, layout, at, left, top));
    });
  }

  private get isWordless(): boolean {
    return this.scale < SMALLEST_TEXT;
  }

  private keep(id: string, home: Element, make: () => Element): void {
    const key = this.isWordless ? `${id}~` : id; // with and without words are two drawings
    let element = this.shown.get(key);
    if (!element) {
      element = make();
      home.append(element);
    }
    this.next.set(key, element);
  }

  private drawnFrame(item: Item, box: Box, x: number, y: number): Element {
    const name = short2(called(item), item);
    if (this.isWordless) return svg("g", { class: `frame ${item.plan.kind}`, transform: `translate(${x} ${y})` }, svg("rect", { width: box.w, height: box.h, rx: 8, class: "area" }));
    return svg(
      "g", { class: `frame ${item.plan.kind}`, transform: `translate(${x} ${y})`, "data-item": item.id },
      svg("title", {}, describe(item, this.state)),
      svg("rect", { width: box.w, height: box.h, rx: 8, class: "area" }),
      svg("path", { class: "head", d: `M0 ${HEAD}V8a8 8 0 0 1 8-8H${box.w - 8}a8 8 0 0 1 8 8V${HEAD}Z` }),
      svg("text", { x: 10, y: 16, class: "sign" }, "−"),
      svg("text", { x: 24, y: 16, class: "word" }, clipped(name, box.w - 34, FONTS.word)),
      ...rest(item, name, box.w),
    );
  }

  private drawnBox(item: Item, box: Box, x: number, y: number, place = ""): Element {
    const { plan } = item;
    const isOp = plan.kind === "op";
    const op = plan.node as OpData;
    const { layers } = this.state.net;
    const isRed = !isOp && layers.slice(item.start, item.end).some((layer) => layer.op.kind === "wrong");
    const kind = isOp ? op.kind : isRed ? "group wrong" : "group";
    const element = svg("g", { class: `box ${kind} ${place} ${this.state.net.isIdle(item) ? "idle" : ""}`, transform: `translate(${x} ${y})`, "data-item": item.id });
    element.append(outline(box, place, isOp));
    this.fill(element, item, box);
    this.paint(element, item);
    return element;
  }

  /** Write into a box what stands in it. */
  private fill(element: SVGGElement, item: Item, box: Box): void {
    if (this.isWordless) return;
    element.prepend(svg("title", {}, describe(item, this.state)));
    const { plan } = item;
    const op = plan.node as OpData;
    const middle = box.w / 2;
    if (plan.kind === "op") {
      element.append(svg("text", { x: middle, y: 16, class: "word" }, clipped(op.written, box.w - 16, FONTS.word)));
    } else if (!box.inner) {
      const name = short2(called(item), item);
      element.append(
        svg("text", { x: 10, y: 17, class: "sign" }, "+"),
        svg("text", { x: middle + 4, y: 17, class: "word" }, clipped(name, box.w - 36, FONTS.word)),
        svg("text", { x: middle, y: 32, class: "small" }, clipped(below(item), box.w - 16, FONTS.small)),
      );
    }
  }

  private paint(element: SVGGElement, item: Item): void {
    const { heat } = this.state;
    if (heat === null) return;
    const value = this.state.value(item, heat);
    const rect = element.querySelector<SVGElement>(".shape")!;
    if (value === null) {
      rect.classList.add("unknown");
      return;
    }
    const found = colour(this.hottest ? Math.sqrt(value / this.hottest) : 0, this.dark());
    rect.style.fill = found.fill;
    for (const text of element.querySelectorAll<SVGElement>("text")) text.style.fill = found.ink;
  }

  private drawnLine(item: Item, layout: Layout, at: number, left: number, top: number): Element {
    const { points, value, from, gap } = layout.edges[at];
    const skips = points.length > 6;
    const line = svg("g", { class: skips ? "line skip" : "line" });
    const d = gap !== undefined ? wrapped(points, left, top, left + gap, layout) : curve(points, left, top);
    line.append(svg("path", { d, "marker-end": skips ? "url(#arrow-skip)" : "url(#arrow)" }));
    const first = layout.edges.findIndex((edge) => edge.value === value && edge.points.length) === at;
    if (first && from >= 0 && !this.isWordless) {
      const text = this.state.net.typeWithin(item, value);
      line.append(svg("text", { x: left + points[0] + 6, y: top + points[1] + 13, class: "shape-of" }, text));
    }
    return line;
  }

  /** Draw the names of the net's inputs and outputs where their lines begin and end. */
  private ports(layout: Layout, left: number, top: number): void {
    const { net } = this.state;
    const block = net.block(net.root.plan.callee);
    const draw = (key: string, name: string, x: number, y: number) => {
      const wide = widthOf(name, FONTS.word) + 20;
      this.keep(key, this.nodes, () => svg("g", { class: "port", transform: `translate(${x} ${y})` },
        svg("rect", { x: -wide / 2, y: 0, width: wide, height: 22, rx: 11 }), svg("text", { x: 0, y: 15, class: "word" }, name)));
    };
    block.inputs.forEach((port, at) => draw(`i${at}`, `${port.name} ${net.typeWithin(net.root, port.value)}`, left + layout.inX[at], top - PAD - 22 - 26 * spread(at, block.inputs.length)));
    block.outputs.forEach((port, at) => draw(`o${at}`, `${port.name} ${net.typeWithin(net.root, port.value)}${port.training ? " when training" : ""}`, left + layout.outX[at], top + layout.h + PAD + 26 * spread(at, block.outputs.length)));
  }

  /** Mark the chosen item and the one under the pointer. */
  private mark(): void {
    const { selected, hovered } = this.state;
    for (const [key, element] of this.shown) {
      if (key[0] === "e") continue;
      const id = parseInt(key.slice(1));
      element.classList.toggle("selected", selected?.id === id);
      element.classList.toggle("hovered", hovered?.id === id);
    }
  }
}

function find(item: Item, box: Box, x: number, y: number, px: number, py: number, scale: number): Hit | null {
  const { inner } = box;
  if (inner && box.h * scale >= SMALLEST_GROUP) {
    const [left, top] = inside(x, y, box, inner);
    for (let at = 0; at < item.children.length; at++) {
      const [cx, cy, part] = [left + inner.x[at], top + inner.y[at], inner.boxes[at]];
      if (px >= cx && px <= cx + part.w && py >= cy && py <= cy + part.h) return find(item.children[at], part, cx, cy, px, py, scale);
    }
  }
  return item.parent ? { item, onHead: py - y <= HEAD, left: px - x } : null;
}

function inside(x: number, y: number, box: Box, layout: Layout): [number, number] {
  return [x + (box.w - layout.w) / 2, y + HEAD + PAD];
}

/** Return which corners of a box in a stack are round. */
function stack(layout: Layout, at: number): string {
  const above = layout.stacked[at];
  const under = layout.stacked[at + 1] === true;
  return above && under ? "mid" : above ? "last" : under ? "first" : "";
}

function outline(box: Box, place: string, isOp: boolean): SVGElement {
  const { w, h } = box;
  const r = isOp ? 5 : 8;
  const [top, bottom] = [place === "mid" || place === "last" ? 0 : r, place === "mid" || place === "first" ? 0 : r];
  const d =
    `M${top} 0H${w - top}${top ? `a${r} ${r} 0 0 1 ${r} ${r}` : ""}V${h - bottom}${bottom ? `a${r} ${r} 0 0 1 -${r} ${r}` : ""}` +
    `H${bottom}${bottom ? `a${r} ${r} 0 0 1 -${r} -${r}` : ""}V${top}${top ? `a${r} ${r} 0 0 1 ${r} -${r}` : ""}Z`;
  return svg("path", { class: "shape", d });
}

function curve(points: number[], left: number, top: number): string {
  let path = `M${left + points[0]} ${top + points[1]}`;
  for (let at = 2; at < points.length; at += 2) {
    const [x0, y0, x1, y1] = [left + points[at - 2], top + points[at - 1], left + points[at], top + points[at + 1]];
    const middle = (y0 + y1) / 2;
    path += Math.abs(x0 - x1) < 0.5 ? `L${x1} ${y1}` : `C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`;
  }
  return path;
}

/** Return the line from the foot of a column to the top of another one: down, along the gap between them, and in. */
function wrapped(points: number[], left: number, top: number, gap: number, layout: Layout): string {
  const [x0, y0, x1, y1] = [left + points[0], top + points[1], left + points[2], top + points[3]];
  const [foot, head, r] = [top + layout.h + 6, y1 - 16, 8];
  return `M${x0} ${y0}V${foot - r}q0 ${r} ${r} ${r}H${gap - r}q${r} 0 ${r} ${-r}V${head + r}q0 ${-r} ${r} ${-r}H${x1 - r}q${r} 0 ${r} ${r}V${y1}`;
}

/** Return the row of a name of several, so that names beside each other do not touch. */
function spread(at: number, count: number): number {
  return count > 1 ? at : 0;
}

function arrows(): SVGElement {
  const head = (id: string) => {
    const marker = { id, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 6.5, markerHeight: 6.5, markerUnits: "userSpaceOnUse", orient: "auto" };
    return svg("marker", marker, svg("path", { d: "M0 0.6 8 4 0 7.4Z", class: id }));
  };
  return svg("defs", {}, head("arrow"), head("arrow-skip"));
}

/** Return the name of a group where it stands: its path below the group around it, or its block. */
function short2(full: string, item: Item): string {
  if (item.plan.kind === "run") return repeated(item.plan);
  return item.plan.short || item.plan.name || full;
}

function below(item: Item): string {
  const { plan } = item;
  const count = item.end - item.start;
  const layers = `${count} ${count === 1 ? "operator" : "operators"}`;
  const what = besides(plan);
  return what ? `${what} · ${layers}` : layers;
}

function rest(item: Item, name: string, width: number): SVGElement[] {
  const what = besides(item.plan);
  if (!what) return [];
  const x = 24 + widthOf(name, FONTS.word) + 8;
  return [svg("text", { x, y: 16, class: "small" }, clipped(what, width - x - 10, FONTS.small))];
}

function clipped(text: string, width: number, font: string): string {
  if (widthOf(text, font) <= width) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(`${text.slice(0, middle)}…`, font) <= width) low = middle;
    else high = middle - 1;
  }
  return low ? `${text.slice(0, low)}…` : "";
}

/** Return an item in words: its path, what it is, its output, its costs. */
export function describe(item: Item, state: State): string {
  const { net } = state;
  const names = net.data.columns.map(([name]) => name);
  const count = (name: string) => net.sum(item, names.indexOf(name));
  const shape = item.plan.outs.map((value) => (item.parent ? net.typeWithin(item.parent, value) : "")).filter(Boolean).join(", ");
  const parts = [`${called(item)}: ${told(item)}`, shape && `gives ${shape}`];
  parts.push(`${short(count("params"))} parameters, ${short(count("macs"))} MACs`);
  if (state.heat !== null && state.heat >= 0) {
    const [name, heading] = net.data.columns[state.heat];
    if (!["params", "macs"].includes(name)) parts.push(`${inUnit(name, count(name))} ${heading}`);
  }
  if (net.isIdle(item)) parts.push("runs in training only");
  return parts.filter(Boolean).join("; ");
}
