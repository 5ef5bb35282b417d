// Where the items stand: bottom-up, each block once. dagre lays out what is no chain; inputs and outputs of a block are
// nodes of their own there, so that a skip around it is drawn to its border.

import { Graph, layout as dagre } from "@dagrejs/dagre";
import { type OpData } from "./data";
import { type Item, type Net, type Plan, besides, repeated } from "./tree";

export const ROW = 24; // the height of an operator
export const HEAD = 24; // of the name of a group
export const PAD = 14; // between a group's frame and what is in it
const GAP = 30; // between two boxes, where the shape stands
const WIDEST = 260;
const GUTTER = 46; // between two columns
const LONG = 900; // the height from which a chain goes on in a further column

/** An item's box; a group that is open has a layout of its parts, drawn `PAD` and `HEAD` within. */
export interface Box {
  w: number;
  h: number;
  inner: Layout | null;
}

/** A line from a part to another. -1 is the border of the group. */
export interface Edge {
  from: number;
  to: number;
  value: number;
  points: number[];
  /** If it leads from the end of a column to the top of the next one, where it goes up between them. */
  gap?: number;
}

export interface Layout {
  w: number;
  h: number;
  boxes: Box[];
  x: number[];
  y: number[];
  edges: Edge[];
  /** The places on the border where the values enter and leave. */
  inX: number[];
  outX: number[];
  /** Parts that stand directly below the one before them. */
  stacked: boolean[];
}

interface Unit {
  parts: number[];
  w: number;
  h: number;
}

const canvas = document.createElement("canvas").getContext("2d");
const widths = new Map<string, number>();

/** Return the width of a text on the page, in pixels. */
export function widthOf(text: string, font: string): number {
  const key = `${font}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (canvas) canvas.font = font;
    width = canvas ? canvas.measureText(text).width : text.length * 7;
    widths.set(key, width);
  }
  return width;
}

export const FONTS = { word: "600 12px system-ui, sans-serif", text: "12px system-ui, sans-serif", small: "10.5px system-ui, sans-serif" };

export class Layouts {
  private readonly cache = new Map<string, Layout>();
  private readonly signs = new Map<string, number>();

  constructor(private readonly net: Net) {}

  /** Return the box of an item as it stands, open or closed. */
  box(item: Item): Box {
    const { plan } = item;
    if (plan.kind === "op") return { w: this.labelWidth(plan), h: ROW, inner: null };
    if (!item.open) return { w: this.labelWidth(plan), h: ROW + 16, inner: null };
    const inner = this.layout(item);
    return { w: Math.max(inner.w + 2 * PAD, this.labelWidth(plan) + 30), h: inner.h + HEAD + 2 * PAD, inner };
  }

  /** Return the layout of the parts of an open item; items that look alike share one. */
  layout(item: Item): Layout {
    const key = this.within(item);
    let found = this.cache.get(key);
    if (!found) {
      found = this.laid(item);
      this.cache.set(key, found);
    }
    return found;
  }

  private within(item: Item): string {
    const own = item.plan.kind === "call" ? `b${item.plan.callee}` : `p${item.plan.id}`;
    return `${own}:${item.children.map((child) => this.sign(child)).join(",")}`;
  }

  /** Return a number that items have in common which look alike. */
  private sign(item: Item): number {
    const key = item.plan.kind !== "op" && item.open ? `${item.plan.id}/${this.within(item)}` : `${item.plan.id}`;
    let sign = this.signs.get(key);
    if (sign === undefined) this.signs.set(key, (sign = this.signs.size));
    return sign;
  }

  private labelWidth(plan: Plan): number {
    if (plan.kind === "op") {
      const op = plan.node as OpData;
      return clamp(widthOf(op.written, FONTS.word) + 24, 64, WIDEST);
    }
    const name = plan.kind === "run" ? repeated(plan) : plan.short || plan.name || "{ }";
    const beside = widthOf(besides(plan), FONTS.small);
    return clamp(widthOf(name, FONTS.word) + beside + 54, 110, WIDEST);
  }

  private laid(item: Item): Layout {
    const boxes = item.children.map((child) => this.box(child));
    const { ins, outs } = this.net.inner(item.plan);
    const plans = item.children.map((child) => child.plan);
    const made: Layout = {
      w: 0, h: 0, boxes, x: boxes.map(() => 0), y: boxes.map(() => 0), edges: wires(plans, ins, outs),
      inX: [], outX: [], stacked: boxes.map(() => false),
    };
    const units = stacks(plans, made);
    if (chained(units, made.edges, ins, outs)) column(units, made);
    else spread(units, made, ins.length, outs.length);
    for (const edge of made.edges) if (edge.points.length) attach(edge, plans, made, ins, outs);
    return made;
  }
}

/** Let a line begin and end at the borders of boxes, and at the places where an open group's own lines go on. */
function attach(edge: Edge, plans: Plan[], made: Layout, ins: number[], outs: number[]): void {
  const { points } = edge;
  const end = points.length - 2;
  if (edge.from < 0) {
    points[0] = made.inX[ins.indexOf(edge.value)] ?? points[0];
    points[1] = -PAD;
  } else {
    points[0] = portX(edge.from, plans[edge.from].outs.indexOf(edge.value), "outX", points[0], made);
    points[1] = made.y[edge.from] + made.boxes[edge.from].h;
  }
  if (edge.to < 0) {
    points[end] = made.outX[outs.indexOf(edge.value)] ?? points[end];
    points[end + 1] = made.h + PAD;
  } else {
    points[end] = portX(edge.to, plans[edge.to].ins.indexOf(edge.value), "inX", points[end], made);
    points[end + 1] = made.y[edge.to];
  }
}

function portX(part: number, at: number, side: "inX" | "outX", near: number, made: Layout): number {
  const { w, inner } = made.boxes[part];
  const left = made.x[part];
  if (inner) return left + (w - inner.w) / 2 + (inner[side][at] ?? inner.w / 2);
  return clamp(near, left + 10, left + w - 10);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

/** Return the lines between the parts of a group, and to its border. */
function wires(plans: Plan[], ins: number[], outs: number[]): Edge[] {
  const source = new Map<number, number>(ins.map((value) => [value, -1]));
  plans.forEach((plan, at) => plan.outs.forEach((value) => source.set(value, at)));
  const edges: Edge[] = [];
  plans.forEach((plan, to) => {
    for (const value of new Set(plan.ins)) {
      const from = source.get(value);
      if (from !== undefined) edges.push({ from, to, value, points: [] });
    }
  });
  for (const value of new Set(outs)) {
    const from = source.get(value);
    if (from !== undefined) edges.push({ from, to: -1, value, points: [] });
  }
  return edges;
}

/** Group the layers of one box, such as conv, norm and activation, into columns without gaps. */
function stacks(plans: Plan[], made: Layout): Unit[] {
  const units: Unit[] = [];
  plans.forEach((plan, at) => {
    const { w, h } = made.boxes[at];
    if (plan.stacked) {
      const last = units[units.length - 1];
      last.parts.push(at);
      last.w = Math.max(last.w, w);
      last.h += h;
      made.stacked[at] = true;
    } else {
      units.push({ parts: [at], w, h });
    }
  });
  return units;
}

function unitsOf(units: Unit[]): Map<number, number> {
  return new Map(units.flatMap((unit, at) => unit.parts.map((part) => [part, at] as [number, number])));
}

/** Return whether each unit only reads the one before it. */
function chained(units: Unit[], edges: Edge[], ins: number[], outs: number[]): boolean {
  if (ins.length > 1 || outs.length > 1) return false;
  const place = unitsOf(units);
  return edges.every(({ from, to }) => {
    const source = from < 0 ? -1 : place.get(from)!;
    const target = to < 0 ? units.length : place.get(to)!;
    return source === target || target === source + 1;
  });
}

/** Place the units of a chain below each other; a long one goes on in further columns, as a text does. */
function column(units: Unit[], made: Layout): void {
  const widest = Math.max(40, ...units.map((unit) => unit.w));
  const tall = units.reduce((sum, unit) => sum + unit.h + GAP, 0);
  const count = tall > 3 * widest && tall > LONG ? Math.max(1, Math.round(Math.sqrt(tall / (0.8 * (widest + GUTTER))))) : 1;
  const columns = balanced(units, count);
  const wide = columns.map((column) => Math.max(40, ...column.map((unit) => unit.w)));
  let x = 0;
  columns.forEach((column, at) => {
    let y = GAP - 8;
    for (const unit of column) {
      place(unit, x + (wide[at] - unit.w) / 2, y, made);
      y += unit.h + GAP;
    }
    made.h = Math.max(made.h, y - 8);
    x += wide[at] + GUTTER;
  });
  made.w = x - GUTTER;
  made.inX = [wide[0] / 2];
  made.outX = [made.w - wide[wide.length - 1] / 2];
  const lefts = columns.map((_, at) => wide.slice(0, at).reduce((sum, one) => sum + one + GUTTER, 0));
  straighten(made, new Map(columns.map((column, at) => [column[0]?.parts[0] ?? -1, lefts[at] - GUTTER / 2])));
}

/** Break a chain into so many columns at most, the highest as low as can be. */
function balanced(units: Unit[], count: number): Unit[][] {
  let low = Math.max(0, ...units.map((unit) => unit.h + GAP));
  let high = units.reduce((sum, unit) => sum + unit.h + GAP, 0);
  while (high - low > 1) {
    const middle = (low + high) / 2;
    if (broken(units, middle).length <= count) high = middle;
    else low = middle;
  }
  return broken(units, high);
}

/** Break a chain into columns of a height at most. */
function broken(units: Unit[], height: number): Unit[][] {
  const columns: Unit[][] = [[]];
  let filled = 0;
  for (const unit of units) {
    if (filled > 0 && filled + unit.h + GAP > height) {
      columns.push([]);
      filled = 0;
    }
    columns[columns.length - 1].push(unit);
    filled += unit.h + GAP;
  }
  return columns;
}

function place(unit: Unit, x: number, y: number, made: Layout): void {
  for (const part of unit.parts) {
    const box = made.boxes[part];
    if (unit.parts.length > 1) made.boxes[part] = { ...box, w: unit.w };
    made.x[part] = x;
    made.y[part] = y;
    y += box.h;
  }
}

/** Let dagre place the units, with one node each for what enters and what leaves. */
function spread(units: Unit[], made: Layout, ins: number, outs: number): void {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, edgesep: 14, ranksep: GAP, marginx: 4, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const port = (count: number) => ({ width: Math.max(1, count - 1) * 18 + 2, height: 1 });
  if (ins) graph.setNode("in", port(ins));
  if (outs) graph.setNode("out", port(outs));
  units.forEach((unit, at) => graph.setNode(String(at), { width: unit.w, height: unit.h }));
  const home = unitsOf(units);
  const name = (part: number, border: string) => (part < 0 ? border : String(home.get(part)));
  const stacked = (edge: Edge) => edge.from >= 0 && edge.to >= 0 && home.get(edge.from) === home.get(edge.to);
  made.edges.forEach((edge, at) => {
    if (stacked(edge)) return;
    const near = edge.to - edge.from === 1 || (edge.from >= 0 && home.get(edge.to) === (home.get(edge.from) ?? 0) + 1);
    graph.setEdge(name(edge.from, "in"), name(edge.to, "out"), { weight: near ? 6 : 1 }, String(at));
  });
  for (const at of loose(units, made.edges)) {
    // what is linked to nothing, such as the place of a mistake, stands below what is written before it
    if (at || ins) graph.setEdge(at ? String(at - 1) : "in", String(at), { weight: 1 }, `after ${at}`);
  }
  dagre(graph);
  const size = graph.graph() as { width: number; height: number };
  made.w = Math.max(40, size.width);
  made.h = size.height + 8;
  units.forEach((unit, at) => {
    const node = graph.node(String(at)) as { x: number; y: number };
    place(unit, node.x - unit.w / 2, node.y - unit.h / 2, made);
  });
  made.inX = border(graph, "in", ins, made);
  made.outX = border(graph, "out", outs, made);
  made.edges.forEach((edge, at) => {
    if (stacked(edge)) return;
    const found = graph.edge({ v: name(edge.from, "in"), w: name(edge.to, "out"), name: String(at) }) as { points: { x: number; y: number }[] };
    edge.points = found.points.flatMap(({ x, y }) => [x, y]);
  });
}

/** Return the units that no line leads to or from. */
function loose(units: Unit[], edges: Edge[]): number[] {
  const linked = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return [...units.keys()].filter((at) => !units[at].parts.some((part) => linked.has(part)));
}

function border(graph: InstanceType<typeof Graph>, name: string, count: number, made: Layout): number[] {
  if (!count) return [];
  const node = graph.node(name) as { x: number; width: number };
  if (count === 1) return [clamp(node.x, 0, made.w)];
  return Array.from({ length: count }, (_, at) => clamp(node.x - node.width / 2 + 1 + at * 18, 0, made.w));
}

/** Give lines between neighbours in a column their ends; those within a stack have none. `gaps` are before the columns. */
function straighten(made: Layout, gaps: Map<number, number>): void {
  const middle = (part: number) => made.x[part] + made.boxes[part].w / 2;
  for (const edge of made.edges) {
    if (edge.to >= 0 && made.stacked[edge.to]) continue;
    const start = edge.from < 0 ? 0 : made.y[edge.from] + made.boxes[edge.from].h;
    const end = edge.to < 0 ? made.h : made.y[edge.to];
    const [left, right] = [edge.from < 0 ? made.inX[0] : middle(edge.from), edge.to < 0 ? made.outX[0] : middle(edge.to)];
    edge.points = [left, start, right, end];
    if (edge.from >= 0 && edge.to >= 0) edge.gap = gaps.get(edge.to);
  }
}
