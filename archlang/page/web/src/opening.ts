// Which groups are open at first: those that leave the picture an overview.

import { type Item, type Net } from "./tree";

const MOST = 13; // boxes of the overview

/** Open groups, the outermost first, as long as the picture has few boxes. */
export function openSome(net: Net): void {
  let boxes = net.root.children.length;
  let level = net.root.children.filter((item) => item.children.length);
  while (level.length) {
    const next: Item[] = [];
    for (const item of level) {
      if (boxes + item.children.length - 1 > MOST) continue;
      item.open = true;
      boxes += item.children.length - 1;
      next.push(...item.children.filter((child) => child.children.length));
    }
    level = next;
  }
}

/** Return a name of an item that its like in another version of the net has, too. */
export function keyOf(item: Item): string {
  return `${item.plan.kind} ${item.plan.kind === "run" ? item.children[0].path : item.path} ${item.plan.name}`;
}
