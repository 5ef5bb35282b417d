import assert from "node:assert/strict";
import { test } from "node:test";
import { openSome } from "../src/opening";
import { State } from "../src/state";
import { Net, called, told } from "../src/tree";
import { type CallData, type Entry } from "../src/data";
import { type Numbers } from "../src/progressions";
import { block, net as netOf, residuals } from "./nets";

test("calls are expanded, with their paths", () => {
  const net = new Net(residuals(3));
  assert.deepEqual(net.layers.map((layer) => called(layer.item)), [
    "0.conv", "0.bn", "0 (add)", "1.conv", "1.bn", "1 (add)", "2.conv", "2.bn", "2 (add)",
  ]);
  const [run] = net.root.children;
  assert.equal(told(run), "unit ×3");
  assert.equal(called(run), "0 to 2");
  assert.deepEqual([run.start, run.end], [0, 9]);
});

test("sums are those of the layers, and unknown if one is", () => {
  const data = residuals(3);
  assert.equal(new Net(data).sum(new Net(data).root, 0), 6);
  (data.blocks[0].nodes[0] as { counts: unknown[] }).counts[0] = null;
  const net = new Net(data);
  assert.equal(net.sum(net.root, 0), null);
});

test("choosing a layer opens the groups around it", () => {
  const net = new Net(residuals(40));
  const state = new State(net);
  const layer = net.layers[60];
  state.select(layer.item, "test");
  assert.ok(layer.item.parent?.open && layer.item.parent.parent?.open);
  state.toggleAll(false);
  assert.ok(!layer.item.parent?.open && net.root.open);
});

test("the first picture has few boxes", () => {
  const net = new Net(residuals(40));
  openSome(net);
  assert.equal(net.root.children[0].open, false);
  const few = new Net(residuals(3));
  openSome(few);
  assert.equal(few.root.children[0].open, true);
});

test("braces around what repeats are one group, and alike groups are opened together", () => {
  const { blocks } = residuals(9);
  const inner = blocks[0];
  const call = (at: number, path: string): CallData => ({ block: 0, path, named: true, inputs: [at], outputs: [at + 1], at: [0, 2, 1, 2, 2] });
  const nodes = [0, 1, 2, 3].map((at) => call(at, `s${at >> 1}.${at % 2}`));
  const stage = (name: string, calls: Numbers): Entry => ({ name, path: name, times: 2, word: "unit", calls });
  const small = new Net(netOf([inner, block("n", nodes, [stage("s0", [[0, 1, 2]]), stage("s1", [[2, 1, 2]])], [4])]));
  assert.deepEqual(small.root.children.map((item) => [called(item), told(item), item.children.length]), [["s0", "unit ×2", 2], ["s1", "unit ×2", 2]]);
  openSome(small);
  assert.deepEqual(small.root.children.map((item) => item.open), [true, true]);
  const many = new Net(netOf([inner, block("n", [...nodes, ...[4, 5, 6, 7].map((at) => call(at, `${at}`))], [stage("s0", [[0, 1, 2]]), stage("s1", [[2, 1, 2]]), 4, 5, 6, 7], [8])]));
  openSome(many);
  assert.deepEqual(many.root.children.slice(0, 2).map((item) => item.open), [false, false]);
});
