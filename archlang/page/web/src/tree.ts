// The net with its calls expanded: items that can be opened, and the layers in them.

import { type BlockData, type CallData, type Each, type Entry, type Group, type NetData, type NodeData, type OpData, isCall } from "./data";
import { everyNumber, numberAt, textAt } from "./progressions";

/** What stands in a block, once for all of its calls. Values are numbered within the block. */
export interface Plan {
  id: number;
  kind: "op" | "call" | "braces" | "run";
  node: NodeData | null;
  /** The block that is called; -1 for operators and braces. */
  callee: number;
  name: string;
  path: string;
  /** The path below the braces around it. */
  short: string;
  times: number;
  /** What repeats, if it does: `bottleneck`, `layer, concat`. */
  word: string;
  each: Each | null;
  /** Whether it stands in one box with the layer before it. */
  stacked: boolean;
  parts: Plan[];
  ins: number[];
  outs: number[];
}

/** A plan at one place of the net. */
export interface Item {
  id: number;
  plan: Plan;
  parent: Item | null;
  path: string;
  children: Item[];
  /** Its layers are those from `start` to before `end`. */
  start: number;
  end: number;
  open: boolean;
}

/** An operator at one place of the net. */
export interface Layer {
  number: number;
  item: Item;
  op: OpData;
  block: BlockData;
  /** Which of the applications of this operator of the block it is. */
  turn: number;
  counts: (number | null)[];
  seen: number | null;
  isIdle: boolean;
}

export class Net {
  readonly layers: Layer[] = [];
  readonly items: Item[] = [];
  readonly root: Item;
  private readonly plans: Plan[][] = [];
  private readonly nodes: NodeData[][];
  private readonly kinds: string[][] = [];
  private planCount = 0;

  constructor(readonly data: NetData) {
    this.nodes = data.blocks.map(unfolded);
    for (const at of data.blocks.keys()) this.plans.push(this.planned(at));
    const last = data.blocks.length - 1;
    const block = data.blocks[last];
    const plan: Plan = {
      id: this.planCount++, kind: "call", node: null, callee: last, name: data.name, path: "", short: "", times: 1, word: "", each: null, stacked: false, parts: [],
      ins: block.inputs.map((port) => port.value), outs: block.outputs.map((port) => port.value),
    };
    this.root = this.made(plan, null, "", new Map());
    this.root.open = true;
  }

  block(at: number): BlockData {
    return this.data.blocks[at];
  }

  /** Return the plans within an item: those of the block that it calls, or its own parts. */
  parts(plan: Plan): Plan[] {
    return plan.kind === "call" ? this.plans[plan.callee] : plan.parts;
  }

  /** Return the values that enter and leave an item, numbered as its parts number them. */
  inner(plan: Plan): { ins: number[]; outs: number[] } {
    if (plan.kind !== "call") return { ins: plan.ins, outs: plan.outs };
    const block = this.block(plan.callee);
    return { ins: block.inputs.map((port) => port.value), outs: block.outputs.map((port) => port.value) };
  }

  /** Return the type of a value of the block that holds an item's parts. */
  typeWithin(item: Item, value: number): string {
    let around: Item = item;
    while (around.plan.kind !== "call" && around.parent) around = around.parent;
    return this.types(around.plan.callee)[value] ?? "";
  }

  /** Return the types of all values of a block. */
  types(at: number): string[] {
    if (!this.kinds[at]) {
      const written = this.block(at).types;
      this.kinds[at] = typeof written === "string" ? new Proxy([], { get: () => written }) : written.flatMap((run) => Array.from({ length: run[1] }, (_, turn) => textAt([run], turn)));
    }
    return this.kinds[at];
  }

  /** Return the sum of a count over an item's layers; null if it is unknown for one of them. */
  sum(item: Item, column: number): number | null {
    let total = 0;
    for (let at = item.start; at < item.end; at++) {
      const count = this.layers[at].counts[column];
      if (count === null) return null;
      total += count;
    }
    return total;
  }

  /** Return whether all that is in an item runs in training only. */
  isIdle(item: Item): boolean {
    return item.end > item.start && this.layers.slice(item.start, item.end).every((layer) => layer.isIdle);
  }

  private planned(at: number): Plan[] {
    const block = this.data.blocks[at];
    const readers = new Map<number, number[]>();
    this.nodes[at].forEach((node, number) => {
      for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), number]);
    });
    const given = new Set(block.outputs.map((port) => port.value));
    const make = (entry: Entry, around: string): { plans: Plan[]; numbers: number[] } => {
      if (typeof entry === "number") return { plans: [this.single(this.nodes[at][entry], around)], numbers: [entry] };
      if ("chain" in entry) {
        const plans = entry.chain.map((one, place) => ({ ...this.single(this.nodes[at][one], around), stacked: place > 0 }));
        return { plans, numbers: entry.chain };
      }
      const entries = entry.entries ?? everyNumber(entry.calls ?? []);
      const inside = entries.map((one) => make(one, entry.path ?? around));
      const numbers = inside.flatMap((one) => one.numbers);
      const parts = inside.flatMap((one) => one.plans);
      return { plans: [this.grouped(entry, around, parts, numbers, readers, given)], numbers };
    };
    return block.entries.flatMap((entry) => make(entry, "").plans);
  }

  private single(node: NodeData, around: string): Plan {
    const callee = isCall(node) ? node.block : -1;
    const kind = isCall(node) ? "call" : "op";
    const name = isCall(node) ? this.block(node.block).name : node.op;
    const path = isCall(node) ? textAt(node.path, 0) : node.path;
    return { id: this.planCount++, kind, node, callee, name, path, short: below(path, around), times: 1, word: "", each: null, stacked: false, parts: [], ins: node.inputs, outs: node.outputs };
  }

  private grouped(
    entry: Group, around: string, parts: Plan[], numbers: number[],
    readers: Map<number, number[]>, given: Set<number>,
  ): Plan {
    const own = new Set(numbers);
    const made = new Set(parts.flatMap((part) => part.outs));
    const ins = [...new Set(parts.flatMap((part) => part.ins).filter((value) => !made.has(value)))];
    const outside = (value: number) => given.has(value) || (readers.get(value) ?? []).some((reader) => !own.has(reader));
    const outs = [...made].filter(outside);
    const shared = { id: this.planCount++, times: entry.times ?? 1, word: entry.word ?? "", each: entry.each ?? null, stacked: false, parts, ins, outs };
    if (entry.path === undefined) {
      return { ...shared, kind: "run", node: parts[0].node, callee: parts[0].callee, name: shared.word, path: "", short: "" };
    }
    return { ...shared, kind: "braces", node: null, callee: -1, name: entry.name ?? "", path: entry.path, short: below(entry.path, around) };
  }

  private made(plan: Plan, parent: Item | null, around: string, turns: Map<OpData, number>): Item {
    const path = plan.kind === "run" ? around : join(around, plan.path);
    const item: Item = { id: this.items.length, plan, parent, path, children: [], start: this.layers.length, end: 0, open: false };
    this.items.push(item);
    if (plan.kind === "op") {
      this.layer(item, plan.node as OpData, turns);
    } else {
      // braces number values as their block does, and so do paths within them
      const within = plan.kind === "call" ? path : around;
      item.children = this.parts(plan).map((part) => this.made(part, item, within, turns));
    }
    item.end = this.layers.length;
    return item;
  }

  private layer(item: Item, op: OpData, turns: Map<OpData, number>): void {
    const turn = turns.get(op) ?? 0;
    turns.set(op, turn + 1);
    let around = item.parent;
    while (around && around.plan.kind !== "call") around = around.parent;
    const block = this.block(around ? around.plan.callee : this.data.blocks.length - 1);
    const counts = op.counts.map((written) => numberAt(written, turn));
    this.layers.push({ number: this.layers.length, item, op, block, turn, counts, seen: numberAt(op.seen, turn), isIdle: numberAt(op.idle, turn) === 1 });
  }
}

/** Return the nodes of a block, with calls that are written as one expanded. */
function unfolded(block: BlockData): NodeData[] {
  return block.nodes.flatMap((node) => {
    if (!isCall(node) || node.times === undefined) return [node];
    const { times, step = 0 } = node;
    const shifted = (values: number[], turn: number) => values.map((value) => value + step * turn);
    return Array.from({ length: times }, (_, turn): CallData => ({
      block: node.block, named: node.named, at: node.at, path: textAt(node.path, turn),
      inputs: shifted(node.inputs, turn), outputs: shifted(node.outputs, turn),
    }));
  });
}

/** Return a path below the braces around it; a number alone says little, and keeps their name: `layer1.0`. */
function below(path: string, around: string): string {
  if (!around || !path.startsWith(`${around}.`)) return path;
  const rest = path.slice(around.length + 1);
  return /^\d+$/.test(rest) ? `${around.slice(around.lastIndexOf(".") + 1)}.${rest}` : rest;
}

export function join(...parts: string[]): string {
  return parts.filter((part) => part !== "").join(".");
}

/** Yield the items around an item, from the nearest on. */
export function* around(item: Item): Generator<Item> {
  for (let at = item.parent; at; at = at.parent) yield at;
}

/** Return an item's name for people: its path, and what it is where it has none of its own. */
export function called(item: Item): string {
  const { plan } = item;
  if (plan.kind === "op") {
    const op = plan.node as OpData;
    return op.named ? item.path : `${item.path} (${op.op})`.trim();
  }
  if (plan.kind === "run") {
    const last = item.children[item.children.length - 1];
    return `${item.children[0].path} to ${last.path}`;
  }
  return item.path || plan.name;
}

/** Return what an item is: `conv 3x3 64`, `bottleneck`, `bottleneck ×3`. */
export function told(item: Item): string {
  const { plan } = item;
  if (plan.kind === "op") return (plan.node as OpData).written;
  if (plan.times > 1) return repeated(plan);
  return plan.kind === "braces" ? "{ }" : plan.name;
}

/** Return what stands beside the name of a group: the block that is called, what repeats in it, or from where to where. */
export function besides(plan: Plan): string {
  if (plan.kind === "call") return plan.path ? plan.name : "";
  if (plan.kind === "braces") return plan.times > 1 ? repeated(plan) : "";
  const [first, last] = [plan.parts[0], plan.parts[plan.parts.length - 1]];
  return plan.kind === "run" && first.callee >= 0 && first.short && last.short ? `${first.short} to ${last.short}` : "";
}

/** Return what repeats and how often: `bottleneck ×3`, `(layer, concat) ×6`. */
export function repeated(plan: Plan): string {
  return `${plan.word.includes(" ") ? `(${plan.word})` : plan.word} ×${plan.times}`;
}
