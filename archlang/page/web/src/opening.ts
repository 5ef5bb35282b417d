// Which groups are open at first: those that leave the picture an overview.

import { type Item, type Net } from "./tree";

const MOST = 13; // boxes of the overview
const FEW = 6; // so few that what repeats is opened, too

/** Open groups, the outermost first, as long as the picture has few boxes. What repeats stays one box. */
export function openSome(net: Net): void {
  const boxes = opened(net, boxesOf(net.root), (item) => item.plan.times === 1);
  if (boxes < FEW) opened(net, boxes, () => true);
}

/** Open the groups that are wanted, those that look alike together, and return how many boxes there are then. */
function opened(net: Net, boxes: number, wanted: (item: Item) => boolean): number {
  let level = net.root.children;
  while (level.length) {
    const next: Item[] = [];
    for (const alike of grouped(level.filter((item) => item.children.length && wanted(item)))) {
      const more = alike.reduce((sum, item) => sum + (item.open ? 0 : boxesOf(innermost(item)) - 1), 0);
      if (boxes + more > MOST) continue;
      boxes += more;
      for (const item of alike) {
        const inner = innermost(item);
        for (let at = inner; at !== item; at = at.parent!) at.open = true;
        item.open = true;
        next.push(...inner.children);
      }
    }
    level = next;
  }
  return boxes;
}

/** Return the group that holds more than one other group, from an item inwards: those around it are opened with it. */
function innermost(item: Item): Item {
  const [only, ...others] = item.children;
  return others.length || !only.children.length || only.plan.times > 1 ? item : innermost(only);
}

/** Return the items by their kind and name, in order: `transition1` and `transition2` belong together. */
function grouped(items: Item[]): Item[][] {
  const found = new Map<string, Item[]>();
  for (const item of items) {
    const key = JSON.stringify([item.plan.kind, item.plan.name.replace(/\d+/g, ""), item.plan.word]);
    found.set(key, [...(found.get(key) ?? []), item]);
  }
  return [...found.values()];
}

/** Return how many boxes are in a group; layers that stand in one box are one. */
function boxesOf(item: Item): number {
  return item.children.filter((child) => !child.plan.stacked).length;
}

/** Return a name of an item that its like in another version of the net has, too. */
export function keyOf(item: Item): string {
  return `${item.plan.kind} ${item.plan.kind === "run" ? item.children[0].path : item.path} ${item.plan.name}`;
}
