// What is chosen, opened and coloured; the parts of the page listen to each other through it.

import { type Item, type Net, around } from "./tree";

export type Event = "select" | "open" | "heat" | "theme" | "net" | "hover";
export type Scheme = "auto" | "light" | "dark";

export class State {
  selected: Item | null = null;
  hovered: Item | null = null;
  /** The column by which the graph is coloured: a count's number, -1 for the receptive field, null for none. */
  heat: number | null = null;
  scheme: Scheme = "auto";
  private readonly listeners = new Map<Event, ((origin: string) => void)[]>();

  constructor(public net: Net) {}

  on(event: Event, listener: (origin: string) => void): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  emit(event: Event, origin = ""): void {
    for (const listener of this.listeners.get(event) ?? []) listener(origin);
  }

  /** Choose an item, from the part of the page named `origin`; groups around it are opened. */
  select(item: Item | null, origin: string): void {
    this.selected = item;
    let opened = false;
    if (item) {
      for (const group of around(item)) {
        opened ||= !group.open;
        group.open = true;
      }
    }
    if (opened) this.emit("open", origin);
    this.emit("select", origin);
  }

  hover(item: Item | null, origin: string): void {
    if (item === this.hovered) return;
    this.hovered = item;
    this.emit("hover", origin);
  }

  /** Open or close a group. */
  toggle(item: Item, open = !item.open): void {
    if (!item.children.length || item === this.net.root) return;
    item.open = open;
    this.emit("open", "graph");
  }

  /** Open or close all groups within an item. */
  toggleAll(open: boolean, within: Item = this.net.root): void {
    const change = (item: Item) => {
      if (item.children.length) item.open = open || item === this.net.root;
      item.children.forEach(change);
    };
    change(within);
    this.emit("open", "graph");
  }

  /** Return the value of an item in a column: the sum of a count, or the largest receptive field. */
  value(item: Item, column: number): number | null {
    if (column >= 0) return this.net.sum(item, column);
    let most: number | null = null;
    for (let at = item.start; at < item.end; at++) {
      const seen = this.net.layers[at].seen;
      if (seen !== null && (most === null || seen > most)) most = seen;
    }
    return most;
  }
}
