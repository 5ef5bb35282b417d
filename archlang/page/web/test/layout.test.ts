import assert from "node:assert/strict";
import { test } from "node:test";
import { type Layout, Layouts } from "../src/layout";
import { State } from "../src/state";
import { type Item, Net } from "../src/tree";
import { block, net as netOf, op, residuals } from "./nets";

function opened(times: number): { net: Net; layouts: Layouts } {
  const net = new Net(residuals(times));
  new State(net).toggleAll(true);
  return { net, layouts: new Layouts(net) };
}

function overlap(layout: Layout): boolean {
  return layout.boxes.some((one, at) =>
    layout.boxes.some((other, next) => next > at && layout.x[at] < layout.x[next] + other.w - 0.01 && layout.x[next] < layout.x[at] + one.w - 0.01 && layout.y[at] < layout.y[next] + other.h - 0.01 && layout.y[next] < layout.y[at] + one.h - 0.01),
  );
}

test("no box lies on another, and all lie in their group", () => {
  const { net, layouts } = opened(60);
  const check = (item: Item) => {
    if (!item.children.length) return;
    const layout = layouts.layout(item);
    assert.ok(!overlap(layout));
    layout.boxes.forEach((box, at) => assert.ok(layout.x[at] >= -0.01 && layout.x[at] + box.w <= layout.w + 0.01 && layout.y[at] + box.h <= layout.h + 0.01));
    item.children.forEach(check);
  };
  check(net.root);
});

test("calls that look alike share one layout", () => {
  const { net, layouts } = opened(60);
  const [run] = net.root.children;
  const inner = layouts.layout(run).boxes.map((box) => box.inner);
  assert.equal(new Set(inner).size, 1);
});

test("a skip enters its block at the border and leads to the join", () => {
  const { net, layouts } = opened(3);
  const unit = net.root.children[0].children[0];
  const layout = layouts.layout(unit);
  const skip = layout.edges.find((edge) => edge.from === -1 && edge.to === 2);
  assert.ok(skip && skip.points[1] < 0 && skip.points[skip.points.length - 1] === layout.y[2]);
});

test("a long chain goes on in further columns", () => {
  const { net, layouts } = opened(200);
  const layout = layouts.layout(net.root.children[0]);
  assert.ok(layout.w / layout.h > 0.3 && layout.w / layout.h < 3);
});

test("norm and activation stand directly below their convolution", () => {
  const { net, layouts } = opened(1);
  let unit = net.root.children[0];
  while (unit.plan.kind !== "call") unit = unit.children[0];
  assert.deepEqual(layouts.layout(unit).stacked, [false, true, false]);
});

test("what no line leads to stands below what is written before it", () => {
  const parts = [op("conv", [0], [1], { facts: {} }), op("relu", [1], [2]), op("nosuch", [], [3], { kind: "wrong" }), op("tanh", [1], [4], { facts: {} })];
  const net = new Net(netOf([block("n", parts, [0, 1, 2, 3], [2, 4])]));
  const { x, y, edges } = new Layouts(net).layout(net.root);
  assert.ok(y[2] > y[1] && Math.abs(y[3] - y[1]) < 1 && x[3] !== x[1]);
  assert.ok(edges.every(({ from, to }) => from !== 2 && to !== 2));
});
