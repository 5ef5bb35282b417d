// Accuracy against work: the shipped nets in grey, this net among them.

import { html, svg } from "./dom";
import { short } from "./format";
import { type State } from "./state";

const LEFT = 52;
const BELOW = 34;

export class AccuracyView {
  readonly element = html("div", { class: "accuracy" });
  private readonly figure = html("div", { class: "figure" });
  private readonly told = html("p", { class: "told", role: "status" });

  constructor(private readonly state: State) {
    this.element.append(this.figure, this.told);
    new ResizeObserver(() => this.draw()).observe(this.figure);
    state.on("net", () => this.draw());
  }

  private draw(): void {
    const [wide, high] = [this.figure.clientWidth, this.figure.clientHeight];
    if (wide < 160 || high < 80) return;
    const { accuracy, name, batch } = this.state.net.data;
    const macs = accuracy.macs / batch;
    const own = accuracy.published;
    const work = own?.macs ?? macs; // of an image like those on which the accuracy was measured
    const every = accuracy.nets.map((net) => net[2]).concat(work > 0 ? [work] : []);
    const [least, most] = [Math.min(...every) / 1.3, Math.max(...every) * 1.3];
    const lows = accuracy.nets.map((net) => net[4]).concat(own ? [own.top1] : []);
    const [low, top] = [Math.min(...lows) - 2, Math.max(...lows) + 2];
    const x = (value: number) => LEFT + ((wide - LEFT - 16) * Math.log(value / least)) / Math.log(most / least);
    const y = (value: number) => 10 + ((high - BELOW - 10) * (top - value)) / (top - low);
    const r = (params: number) => 2.5 + Math.sqrt(params / 1e6) * 0.75;
    const place = own ? `${own.top1}% top-1${sized(own.side, own.macs)}` : "its accuracy is not known";
    const figure = svg("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `Top-1 accuracy on ImageNet against MACs: ${name}, ${short(macs)} MACs, ${place}; ${accuracy.nets.length} shipped nets` });
    for (const tick of decades(least, most)) figure.append(svg("line", { x1: x(tick), x2: x(tick), y1: 10, y2: high - BELOW, class: "rule" }), svg("text", { x: x(tick), y: high - BELOW + 14, class: "tick middle" }, short(tick)));
    for (let tick = Math.ceil(low / 10) * 10; tick <= top; tick += 10) figure.append(svg("line", { x1: LEFT, x2: wide - 16, y1: y(tick), y2: y(tick), class: "rule" }), svg("text", { x: LEFT - 8, y: y(tick) + 4, class: "tick" }, `${tick}%`));
    figure.append(svg("text", { x: (LEFT + wide) / 2, y: high - 4, class: "tick middle" }, "MACs of one image; the area of a circle grows with the parameters"));
    for (const [net, , cost, params, top1, side] of [...accuracy.nets].sort((a, b) => b[3] - a[3])) {
      if (net === name && own) continue;
      const circle = svg("circle", { cx: x(cost), cy: y(top1), r: r(params), class: "net" }, svg("title", {}, `${net}: ${top1}%, ${short(cost)} MACs, ${short(params)} parameters${sized(side, null)}`));
      circle.addEventListener("mouseenter", () => { this.told.textContent = circle.querySelector("title")!.textContent; });
      figure.append(circle);
    }
    if (work > 0) figure.append(...this.own(x(work), own ? y(own.top1) : null, r(accuracy.params), high));
    this.figure.replaceChildren(figure);
    this.told.textContent = `${name}: ${short(macs)} MACs, ${short(accuracy.params)} parameters, ${place}`;
  }

  private own(x: number, y: number | null, r: number, high: number): SVGElement[] {
    const right = x > this.figure.clientWidth / 2;
    const label = (at: number) => svg("text", { x: x + (right ? -r - 5 : r + 5), y: at, class: "own-name", "text-anchor": right ? "end" : "start" }, this.state.net.data.name);
    if (y === null) return [svg("line", { x1: x, x2: x, y1: 10, y2: high - BELOW, class: "own-line" }), label(24)];
    return [svg("circle", { cx: x, cy: y, r, class: "own" }), label(y + 4)];
  }
}

function sized(side: number | null, macs: number | null): string {
  if (side === null) return "";
  return `, measured on images of ${side} pixels${macs === null ? "" : ` with ${short(macs)} MACs`}`;
}

function decades(least: number, most: number): number[] {
  const found: number[] = [];
  for (let power = 10 ** Math.ceil(Math.log10(least)); power <= most; power *= 10) found.push(power);
  return found;
}
