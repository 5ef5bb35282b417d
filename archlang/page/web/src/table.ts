// The layers as a table that can be sorted; only the rows in view are made.

import { html } from "./dom";
import { full } from "./format";
import { type State } from "./state";
import { type Item, type Layer, called } from "./tree";
import { textAt } from "./progressions";

const HEIGHT = 26; // of a row, as page.css says
const SPARE = 8; // rows made above and below the view
const USUAL = ["params", "macs", "backward_macs", "output_bytes", "saved_bytes"];

interface Column {
  heading: string;
  text: (layer: Layer) => string;
  rank: (layer: Layer) => number | string;
  right: boolean;
}

export class TableView {
  readonly element = html("div", { class: "layers" });
  private readonly body = html("tbody");
  private readonly head = html("thead");
  private readonly table = html("table", { class: "grid" }, html("caption", { class: "hidden" }, "The operators of the net, in order"), this.head, this.body);
  private readonly scroller = html("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Table of layers" }, this.table);
  private readonly count = html("span", { class: "count", role: "status" });
  private columns: Column[] = [];
  private rows: Layer[] = [];
  private sorted: { column: number; down: boolean } | null = null;
  private every = false;
  private within = false;
  private first = -1;
  private last = -1;

  constructor(private readonly state: State) {
    const check = (text: string, change: (on: boolean) => void) => {
      const box = html("input", { type: "checkbox", change: () => change(box.checked) });
      return html("label", { class: "check" }, box, text);
    };
    const options = html("div", { class: "options" },
      check("all columns", (on) => { this.every = on; this.sorted = null; this.renew(); }),
      check("only what is chosen", (on) => { this.within = on; this.renew(); }),
      this.count,
    );
    this.element.append(options, this.scroller);
    this.scroller.addEventListener("scroll", () => this.draw());
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    addEventListener("beforeprint", () => this.draw(true));
    addEventListener("afterprint", () => { this.first = -1; this.draw(); });
    state.on("net", () => this.renew());
    state.on("select", (origin) => this.chosen(origin));
    state.on("hover", () => this.mark());
    this.renew();
  }

  private renew(): void {
    const { net } = this.state;
    this.columns = [
      { heading: "layer", text: (layer) => called(layer.item), rank: (layer) => layer.number, right: false },
      { heading: "operator", text: (layer) => layer.op.written, rank: (layer) => layer.op.written, right: false },
      { heading: "output", text: (layer) => this.output(layer), rank: (layer) => this.output(layer), right: false },
    ];
    net.data.columns.forEach(([name, heading], column) => {
      if (!this.every && !USUAL.includes(name)) return;
      this.columns.push({ heading, text: (layer) => full(layer.counts[column]), rank: (layer) => layer.counts[column] ?? -1, right: true });
    });
    this.columns.push({ heading: "receptive field", text: (layer) => textAt(layer.op.reach[0], layer.turn), rank: (layer) => layer.seen ?? -1, right: true });
    const cells = this.columns.map((column, at) => html("th", { scope: "col", class: column.right ? "right" : null }, html("button", { type: "button", click: () => this.sort(at) }, column.heading)));
    this.head.replaceChildren(html("tr", {}, ...cells));
    this.arrange();
  }

  private output(layer: Layer): string {
    const { net } = this.state;
    return layer.op.outputs.map((value) => (layer.item.parent ? net.typeWithin(layer.item.parent, value) : "")).join(", ");
  }

  private sort(column: number): void {
    const numeric = this.columns[column].right;
    const before = this.sorted;
    if (before?.column === column) this.sorted = before.down === numeric ? { column, down: !numeric } : null;
    else this.sorted = { column, down: numeric };
    this.arrange();
  }

  /** Choose and order the rows. */
  private arrange(): void {
    const { selected, net } = this.state;
    const scope = this.within && selected ? selected : net.root;
    this.rows = net.layers.slice(scope.start, scope.end);
    if (this.sorted) {
      const { column, down } = this.sorted;
      const { rank } = this.columns[column];
      const order = (a: Layer, b: Layer) => {
        const [x, y] = [rank(a), rank(b)];
        const compared = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return (down ? -compared : compared) || a.number - b.number;
      };
      this.rows.sort(order);
    }
    this.head.querySelectorAll("th").forEach((cell, at) => {
      const sorted = this.sorted?.column === at ? (this.sorted.down ? "descending" : "ascending") : "none";
      cell.setAttribute("aria-sort", sorted);
    });
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.count.textContent = `${full(this.rows.length)} of ${full(net.layers.length)} operators`;
    this.first = -1;
    this.draw();
  }

  private draw(all = false): void {
    const top = Math.max(0, Math.floor(this.scroller.scrollTop / HEIGHT) - SPARE);
    const seen = Math.ceil(this.scroller.clientHeight / HEIGHT) + 2 * SPARE;
    const [first, last] = all ? [0, this.rows.length] : [Math.min(top, Math.max(0, this.rows.length - 1)), Math.min(this.rows.length, top + seen)];
    if (first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    const rows = this.rows.slice(first, last).map((layer, at) => this.row(layer, first + at));
    const spacer = (count: number) => html("tr", { class: "spacer", "aria-hidden": "true" }, html("td", { colspan: this.columns.length, height: count * HEIGHT }));
    this.body.replaceChildren(...(first ? [spacer(first)] : []), ...rows, ...(last < this.rows.length ? [spacer(this.rows.length - last)] : []));
    this.mark();
  }

  private row(layer: Layer, at: number): HTMLElement {
    const row = html("tr", {
      "data-item": layer.item.id, "aria-rowindex": at + 2, click: () => this.state.select(layer.item, "table"),
      mouseenter: () => this.state.hover(layer.item, "table"), mouseleave: () => this.state.hover(null, "table"),
    });
    this.columns.forEach((column, number) => {
      const text = column.text(layer);
      row.append(number ? html("td", { class: column.right ? "right" : null, title: text.length > 28 ? text : null }, text) : html("th", { scope: "row", title: text }, text));
    });
    return row;
  }

  private chosen(origin: string): void {
    if (this.within) this.arrange();
    this.mark();
    const { selected } = this.state;
    if (!selected || origin === "table") return;
    const at = this.rows.findIndex((layer) => layer.number >= selected.start && layer.number < selected.end);
    if (at < 0) return;
    const [top, high] = [at * HEIGHT, this.scroller.clientHeight - 2 * HEIGHT];
    if (top < this.scroller.scrollTop || top > this.scroller.scrollTop + high) this.scroller.scrollTop = top - high / 3;
  }

  private mark(): void {
    const { selected, hovered, net } = this.state;
    const holds = (group: Item | null, item: Item) => group !== null && item.start >= group.start && item.end <= group.end;
    for (const row of this.body.querySelectorAll<HTMLElement>("tr[data-item]")) {
      const item = net.items[Number(row.dataset["item"])];
      row.classList.toggle("selected", holds(selected, item));
      row.classList.toggle("hovered", holds(hovered, item));
      if (selected?.id === item.id) row.setAttribute("aria-selected", "true");
      else row.removeAttribute("aria-selected");
    }
  }

  /** Go up and down with the arrows. */
  private key(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step || (event.target as Element).tagName === "BUTTON") return;
    event.preventDefault();
    const { selected } = this.state;
    const at = this.rows.findIndex((layer) => layer.item === selected);
    const next = this.rows[Math.max(0, Math.min(this.rows.length - 1, at < 0 ? 0 : at + step))];
    if (!next) return;
    this.state.select(next.item, "keys");
  }
}
