// Memory over time: the bytes alive while each operation runs, stacked by kind, with the peak.

import { type MemoryData } from "./data";
import { html, svg } from "./dom";
import { bytes, percent } from "./format";
import { type State } from "./state";
import { type Item } from "./tree";
import { type Numbers, everyNumber } from "./progressions";

const LEFT = 72;
const BELOW = 22;
const ABOVE = 26;

interface Bar {
  x: number;
  w: number;
  at: number;
  item: Item | null;
}

interface Band {
  number: number;
  kind: string;
  sizes: number[];
}

export class MemoryView {
  readonly element = html("div", { class: "memory" });
  private readonly figure = html("div", { class: "figure" });
  private readonly side = html("div", { class: "beside" });
  private readonly alive = html("table", { class: "costs" });
  private readonly told = html("p", { class: "told", role: "status" });
  private run = 0;
  private bars: Bar[] = [];
  private bands: Band[] = [];
  private marks: SVGGElement | null = null;
  private pointer: SVGElement | null = null;

  constructor(private readonly state: State) {
    this.element.append(html("div", { class: "chart" }, this.figure, this.told), this.side);
    new ResizeObserver(() => this.draw()).observe(this.figure);
    state.on("net", () => this.draw());
    state.on("select", () => this.mark());
    this.draw();
  }

  private get data(): MemoryData | undefined {
    return this.state.net.data.memory[this.run];
  }

  private draw(): void {
    const { data } = this;
    if (!data) return;
    this.side.replaceChildren(this.choice(), ...this.beside(data));
    if (data.unknown !== undefined) {
      this.figure.replaceChildren(html("p", {}, `not known: ${data.unknown}`));
      return;
    }
    const [wide, high] = [this.figure.clientWidth, this.figure.clientHeight];
    if (wide < 120 || high < 60) return;
    this.figure.replaceChildren(this.drawn(data, wide, high));
    this.mark();
  }

  private choice(): HTMLElement {
    const select = html("select", { "aria-label": "What runs", change: () => { this.run = Number(select.value); this.draw(); } });
    this.state.net.data.memory.forEach((one, at) => select.append(html("option", { value: at, selected: at === this.run }, one.title)));
    return select;
  }

  private beside(data: MemoryData): HTMLElement[] {
    if (data.unknown !== undefined) return [];
    this.bands = data.bands.map(([number, kind, written]) => ({ number, kind, sizes: listed(written, data.moments.length) }));
    this.tabulate(data, data.peak);
    return [
      html("p", { class: "peak" }, html("strong", {}, `peak ${bytes(data.moments[data.peak]?.[3] ?? 0)}`), ` ${data.where}`),
      this.alive,
      ...(data.bound ? [html("p", { class: "help" }, data.bound)] : []),
    ];
  }

  /** Tell what is alive at a moment, in the order of the bands, the highest first. */
  private tabulate(data: MemoryData, at: number): void {
    const total = data.moments[at]?.[3] ?? 0;
    const rows = [...this.bands].reverse().map(({ number, kind, sizes }) => html(
      "tr", {}, html("th", { scope: "row" }, html("span", { class: `swatch k${number}` }), kind), html("td", {}, bytes(sizes[at])), html("td", { class: "about" }, percent(sizes[at], total)),
    ));
    const caption = at === data.peak ? "alive at the peak" : `alive in ${place(data, at)}`;
    this.alive.replaceChildren(html("caption", {}, caption), html("tbody", {}, ...rows));
  }

  private drawn(data: MemoryData, wide: number, high: number): SVGElement {
    const total = data.moments.reduce((sum, moment) => sum + moment[4], 0);
    const most = Math.max(...data.moments.map((moment) => moment[3]), 1);
    const [inner, tall] = [wide - LEFT - 12, high - ABOVE - BELOW];
    const y = (size: number) => ABOVE + tall - (tall * size) / (most * 1.06);
    const figure = svg("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Memory over time, ${data.title}: peak ${bytes(most)} ${data.where}` });
    for (const tick of ticks(most)) {
      figure.append(svg("line", { x1: LEFT, x2: wide - 12, y1: y(tick), y2: y(tick), class: "rule" }), svg("text", { x: LEFT - 8, y: y(tick) + 4, class: "tick" }, bytes(tick)));
    }
    this.bars = [];
    let passed = 0;
    data.moments.forEach((moment, at) => {
      this.bars.push({ x: LEFT + (inner * passed) / total, w: (inner * moment[4]) / total, at, item: null });
      passed += moment[4];
    });
    figure.append(...this.stacked(y), ...this.phases(data, high));
    this.marks = svg("g", { class: "marks" });
    this.pointer = svg("line", { class: "pointer", y1: ABOVE - 4, y2: high - BELOW, x1: -9, x2: -9 });
    figure.append(this.marks, this.peakMark(data, y), this.pointer);
    const middle = (event: MouseEvent) => event.clientX - figure.getBoundingClientRect().left;
    figure.addEventListener("mousemove", (event) => this.tell(this.bar(middle(event))));
    figure.addEventListener("mouseleave", () => this.tabulate(data, data.peak));
    figure.addEventListener("click", (event) => {
      const bar = this.bar(middle(event));
      const item = bar && this.itemOf(bar);
      if (item) this.state.select(item, "memory");
    });
    return figure;
  }

  /** Return an area for each kind, one upon the other. */
  private stacked(y: (size: number) => number): SVGElement[] {
    const below = this.bars.map(() => 0);
    return this.bands.map(({ number, kind, sizes }) => {
      let [there, back] = ["", ""];
      this.bars.forEach(({ x, w, at }) => {
        const [left, right] = [x.toFixed(1), (x + w).toFixed(1)];
        there += `${there ? "L" : "M"}${left} ${y(below[at] + sizes[at]).toFixed(1)}H${right}`;
        back = `L${right} ${y(below[at]).toFixed(1)}H${left}${back}`;
        below[at] += sizes[at];
      });
      return svg("path", { d: `${there}${back}Z`, class: `band k${number}` }, svg("title", {}, kind));
    });
  }

  /** Return the names of the phases below their moments, with lines between them. */
  private phases(data: MemoryData, high: number): SVGElement[] {
    const found: SVGElement[] = [];
    let first = 0;
    data.moments.forEach((moment, at) => {
      if (data.moments[at + 1]?.[0] === moment[0]) return;
      const [begun, end] = [this.bars[first].x, this.bars[at].x + this.bars[at].w];
      if (first) found.push(svg("line", { x1: begun, x2: begun, y1: ABOVE, y2: high - BELOW, class: "rule" }));
      if (end - begun > 40) found.push(svg("text", { x: (begun + end) / 2, y: high - 6, class: "tick middle" }, data.texts[moment[0]]));
      first = at + 1;
    });
    return found;
  }

  private peakMark(data: MemoryData, y: (size: number) => number): SVGElement {
    const bar = this.bars[data.peak];
    const [x, top] = [bar.x + bar.w / 2, y(data.moments[data.peak][3])];
    const right = x > LEFT + 260;
    return svg("g", { class: "peak-mark" }, svg("path", { d: `M${x} ${top}l-5 -8h10Z` }),
      svg("text", { x: x + (right ? -9 : 9), y: top - 4, "text-anchor": right ? "end" : "start" }, `peak ${bytes(data.moments[data.peak][3])}`));
  }

  private bar(x: number): Bar | null {
    return this.bars.find((bar) => x >= bar.x && x < bar.x + bar.w) ?? null;
  }

  private tell(bar: Bar | null): void {
    const { data } = this;
    if (!bar || !data) return;
    this.pointer?.setAttribute("x1", String(bar.x + bar.w / 2));
    this.pointer?.setAttribute("x2", String(bar.x + bar.w / 2));
    const [, , , size, times] = data.moments[bar.at];
    this.told.textContent = `${bytes(size)} in ${place(data, bar.at)}${times > 1 ? `, ${times} times` : ""}`;
    this.tabulate(data, bar.at);
    this.state.hover(this.itemOf(bar), "memory");
  }

  /** Return the first layer that a moment is about. `layer3.{1..22}.conv1` names a row of calls. */
  private itemOf(bar: Bar): Item | null {
    const { data } = this;
    if (!data) return null;
    const [, path, op] = data.moments[bar.at];
    const place = data.texts[path].replace(/\{(\d+)\.\.\d+\}/g, "$1");
    const word = data.texts[op];
    const { layers } = this.state.net;
    const found = layers.find((layer) => layer.item.path === place && layer.op.op === word) ?? layers.find((layer) => place !== "" && layer.item.path === place);
    return found?.item ?? null;
  }

  /** Mark the moments of the layers that are chosen. */
  private mark(): void {
    const { selected } = this.state;
    if (!this.marks) return;
    this.marks.replaceChildren();
    if (!selected) return;
    for (const bar of this.bars) {
      bar.item ??= this.itemOf(bar);
      if (!bar.item || bar.item.start < selected.start || bar.item.end > selected.end) continue;
      this.marks.append(svg("rect", { x: bar.x, y: ABOVE - 8, width: Math.max(bar.w, 1.5), height: 5 }));
    }
  }
}

/** Return the phase and the operation of a moment. */
function place(data: MemoryData, at: number): string {
  const [phase, path, op] = data.moments[at].slice(0, 3).map((text) => data.texts[text]);
  return `${phase} of ${path ? `${path} (${op})` : op}`;
}

/** Return the number of each moment. */
function listed(written: Numbers, count: number): number[] {
  return Array.isArray(written) ? everyNumber(written) : Array.from({ length: count }, () => written ?? 0);
}

function ticks(most: number): number[] {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(most)) - 1);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
}
