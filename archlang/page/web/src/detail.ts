// What is told of the chosen layer or group: its law with the numbers filled in, weights, costs, what autograd keeps.

import { type Each, type OpData } from "./data";
import { html } from "./dom";
import { bytes, full, percent, short } from "./format";
import { type State } from "./state";
import { type Item, type Layer, around, called, told } from "./tree";
import { textAt } from "./progressions";

const SHOWN = ["params", "macs", "backward_macs", "output_bytes", "saved_bytes"];

export class DetailView {
  readonly element = html("aside", { class: "detail", "aria-label": "About what is chosen" });

  constructor(private readonly state: State) {
    for (const event of ["select", "net"] as const) state.on(event, () => this.renew());
    this.renew();
  }

  private renew(): void {
    const { net, selected } = this.state;
    const item = selected ?? net.root;
    const parts = [this.way(item), html("h2", {}, called(item))];
    if (item.plan.kind === "op") parts.push(...this.layer(net.layers[item.start]));
    else parts.push(...this.group(item));
    this.element.replaceChildren(...parts);
    this.element.scrollTop = 0;
  }

  /** Return links to the groups around an item. */
  private way(item: Item): HTMLElement {
    const groups = [...around(item)].reverse();
    const links = groups.map((group) => html("li", {}, this.link(group, group === this.state.net.root ? this.state.net.data.name : short1(group))));
    return html("nav", { class: "way", "aria-label": "Groups around it" }, html("ol", {}, ...links));
  }

  private link(item: Item, text: string): HTMLElement {
    const choose = () => this.state.select(item === this.state.net.root ? null : item, "detail");
    return html("button", { type: "button", class: "link", click: choose }, text);
  }

  private layer(layer: Layer): HTMLElement[] {
    const { op, turn } = layer;
    const parts: HTMLElement[] = [
      html("p", { class: "written" }, html("code", {}, op.written)),
      html("p", { class: "summary" }, this.state.net.data.summaries[op.summary]),
    ];
    const facts = Object.entries(op.facts).map(([name, written]) => [name, textAt(written, turn)] as const);
    parts.push(pairs(facts.filter(([, text]) => text)));
    parts.push(...law(op), ...weights(op));
    const names = this.state.net.data.columns;
    const counted = layer.counts.map((value, at) => [names[at], value] as const).filter(([, value]) => value !== 0);
    parts.push(html("h3", {}, costsOf(this.state)), costs(counted.map(([[name, heading], value]) => [name, heading, value])));
    return parts;
  }

  private group(item: Item): HTMLElement[] {
    const { net } = this.state;
    const { plan } = item;
    const parts: HTMLElement[] = [];
    const block = plan.kind === "call" ? net.block(plan.callee) : null;
    const what = item === net.root ? "the whole net" : plan.times > 1 ? `${plan.times} times ${plan.word}, one after the other` : plan.kind === "braces" ? "labelled braces" : `a call of the block ${plan.name}`;
    parts.push(html("p", { class: "summary" }, `${what}, ${full(item.end - item.start)} operators`));
    const given = item === net.root ? net.data.arguments : (block?.arguments ?? "");
    const rows: [string, string][] = given ? [["arguments", given]] : [];
    const { ins, outs } = net.inner(plan);
    const named = (values: number[], ports: { name: string; value: number }[] | undefined) =>
      values.map((value) => `${ports ? `${ports.find((port) => port.value === value)?.name ?? ""} ` : ""}${net.typeWithin(item, value)}`.trim()).join("\n");
    if (ins.length) rows.push([ins.length > 1 ? "inputs" : "input", named(ins, block?.inputs)]);
    if (outs.length) rows.push([outs.length > 1 ? "outputs" : "output", named(outs, block?.outputs)]);
    parts.push(pairs(rows));
    const sums = net.data.columns.map(([name, heading], column) => [name, heading, net.sum(item, column)] as [string, string, number | null]);
    parts.push(html("h3", {}, costsOf(this.state)), costs(sums.filter(([name, , value]) => SHOWN.includes(name) && value !== 0)));
    if (plan.each) parts.push(...each(plan.each));
    parts.push(html("h3", {}, "Parts"), this.parts(item));
    return parts;
  }

  private parts(item: Item): HTMLElement {
    const { net } = this.state;
    const columns = ["params", "macs"].map((name) => net.data.columns.findIndex(([column]) => column === name));
    const totals = columns.map((column) => net.sum(item, column));
    const rows = item.children.slice(0, 60).map((child) => {
      const values = columns.map((column) => net.sum(child, column));
      return html(
        "tr", {}, html("th", { scope: "row" }, this.link(child, short1(child)), html("span", { class: "what" }, told(child))),
        ...values.map((value, at) => part(value, totals[at])),
      );
    });
    const more = item.children.length - rows.length;
    const head = html("tr", {}, html("th", { scope: "col" }, "part"), html("th", { scope: "col" }, "parameters"), html("th", { scope: "col" }, "MACs"));
    return html("div", {}, html("table", { class: "parts" }, html("thead", {}, head), html("tbody", {}, ...rows)), more > 0 ? html("p", {}, `and ${full(more)} more`) : null);
  }
}

/** Return an item's name below the group around it. */
export function short1(item: Item): string {
  const { plan } = item;
  if (plan.kind === "run") {
    const last = item.children[item.children.length - 1];
    return `${item.children[0].plan.short} to ${last.plan.short}`;
  }
  if (plan.kind === "op") {
    const op = plan.node as OpData;
    return op.named ? plan.short : `(${op.op})`;
  }
  return plan.short || plan.name;
}

function costsOf(state: State): string {
  const { batch, mode, dtype } = state.net.data;
  const images = batch === 1 ? "one image" : `${full(batch)} images`;
  return `Costs, ${images}, ${mode === "train" ? "training" : "evaluation"}${dtype ? `, ${dtype}` : ""}`;
}

function pairs(rows: (readonly [string, string])[]): HTMLElement {
  return html("dl", { class: "facts" }, ...rows.flatMap(([name, text]) => [html("dt", {}, name), html("dd", {}, text)]));
}

function costs(rows: [string, string, number | null][]): HTMLElement {
  const cells = rows.map(([name, heading, value]) => {
    const exact = value === null ? "unknown" : full(value);
    const about = name.endsWith("_bytes") ? bytes(value) : short(value);
    return html("tr", {}, html("th", { scope: "row" }, heading), html("td", {}, exact), html("td", { class: "about" }, value !== null && value >= 1000 ? about : ""));
  });
  return html("table", { class: "costs" }, html("tbody", {}, ...cells));
}

function law(op: OpData): HTMLElement[] {
  if (!op.law.length && !op.axes.length) return [];
  const rows: HTMLElement[] = [];
  if (op.axes.length === 2) rows.push(html("div", { class: "axes" }, `${op.axes[0]} → ${op.axes[1]}`));
  for (const [name, steps] of op.law) {
    const lines = steps.map((step, at) => html("div", { class: at === steps.length - 1 && at > 0 ? "result" : "step" }, `= ${step}`));
    rows.push(html("div", { class: "formula" }, html("span", { class: "name" }, name), html("div", {}, ...lines)));
  }
  return [html("h3", {}, "Law"), html("div", { class: "law" }, ...rows)];
}

function weights(op: OpData): HTMLElement[] {
  if (!op.weights.length) return [];
  const rows = op.weights.map(([name, shape, count, buffer]) =>
    html("tr", {}, html("th", { scope: "row" }, name || op.op, buffer ? html("span", { class: "what" }, "buffer") : null), html("td", {}, shape || "one number"), html("td", {}, full(count))),
  );
  return [html("h3", {}, "Weights"), html("table", { class: "costs" }, html("tbody", {}, ...rows))];
}

/** Return how the calls of what repeats look: their boxes, with letters for what varies, and the table of the letters. */
function each({ lines, note, table }: Each): HTMLElement[] {
  const boxes = lines.map(([text, isOptional]) => html("li", { class: isOptional ? "optional" : null }, text));
  const [head, ...rows] = table;
  const cells = rows.map(([name, ...values]) => html("tr", {}, html("th", { scope: "row" }, name), ...values.map((value) => html("td", {}, value))));
  return [
    html("h3", {}, "Each of them"), html("ol", { class: "each" }, ...boxes), ...(note ? [html("p", { class: "help" }, note)] : []),
    ...(head ? [html("table", { class: "letters" }, html("thead", {}, html("tr", {}, ...head.map((letter) => html("th", { scope: "col" }, letter || "call")))), html("tbody", {}, ...cells))] : []),
  ];
}

/** Return the cell of what a part counts, with its share; both may be unknown. */
function part(value: number | null, total: number | null): HTMLElement {
  if (value === null) return html("td", {}, "unknown");
  const share = total === null ? "" : percent(value, total);
  return html("td", { title: full(value) }, short(value), html("span", { class: "share" }, share));
}
