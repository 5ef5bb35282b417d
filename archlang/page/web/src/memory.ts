// Memory over time: an area whose height are the bytes alive while each operation runs, with the peak.

import { type MemoryData } from "./data";
import { html, svg } from "./dom";
import { bytes, percent } from "./format";
import { type State } from "./state";
import { type Item } from "./tree";

const LEFT = 72;
const BELOW = 22;
const ABOVE = 26;

interface Bar {
  x: number;
  w: number;
  at: number;
  item: Item | null;
}

export class MemoryView {
  readonly element = html("div", { class: "memory" });
  private readonly figure = html("div", { class: "figure" });
  private readonly side = html("div", { class: "beside" });
  private readonly told = html("p", { class: "told", role: "status" });
  private run = 0;
  private bars: Bar[] = [];
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
    const peak = data.moments[data.peak]?.[3] ?? 0;
    const rows = data.kinds.map(([kind, size]) => html("tr", {}, html("th", { scope: "row" }, kind), html("td", {}, bytes(size)), html("td", { class: "about" }, percent(size, peak))));
    return [
      html("p", { class: "peak" }, html("strong", {}, `peak ${bytes(peak)}`), ` ${data.where}`),
      html("table", { class: "costs" }, html("caption", {}, "alive at the peak"), html("tbody", {}, ...rows)),
      ...(data.bound ? [html("p", { class: "help" }, data.bound)] : []),
    ];
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
    let path = "";
    let phase = -1;
    let begun = 0;
    const close = (end: number) => {
      if (!path) return;
      const name = data.texts[phase];
      figure.append(svg("path", { d: `${path}V${y(0)}Z`, class: `phase ${name}` }));
      if (end - begun > 40) figure.append(svg("text", { x: (begun + end) / 2, y: high - 6, class: "tick middle" }, name));
    };
    data.moments.forEach((moment, at) => {
      const x = LEFT + (inner * passed) / total;
      const w = (inner * moment[4]) / total;
      if (moment[0] !== phase) {
        close(x);
        [path, phase, begun] = [`M${x} ${y(0)}`, moment[0], x];
      }
      path += `V${y(moment[3]).toFixed(1)}H${(x + w).toFixed(1)}`;
      this.bars.push({ x, w, at, item: null });
      passed += moment[4];
    });
    close(LEFT + inner);
    this.marks = svg("g", { class: "marks" });
    this.pointer = svg("line", { class: "pointer", y1: ABOVE - 4, y2: high - BELOW, x1: -9, x2: -9 });
    figure.append(this.marks, this.peakMark(data, y), this.pointer);
    const middle = (event: MouseEvent) => event.clientX - figure.getBoundingClientRect().left;
    figure.addEventListener("mousemove", (event) => this.tell(this.bar(middle(event))));
    figure.addEventListener("click", (event) => {
      const bar = this.bar(middle(event));
      const item = bar && this.itemOf(bar);
      if (item) this.state.select(item, "memory");
    });
    return figure;
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
    const [phase, path, op, size, times] = data.moments[bar.at];
    const place = data.texts[path];
    this.told.textContent = `${bytes(size)} in ${data.texts[phase]} of ${place ? `${place} (${data.texts[op]})` : data.texts[op]}${times > 1 ? `, ${times} times` : ""}`;
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

function ticks(most: number): number[] {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(most)) - 1);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
}
