// Small nets for the tests.

import { type BlockData, type NetData, type OpData } from "../src/data";

/** Return an operator that reads and gives these values. */
export function op(word: string, inputs: number[], outputs: number[], more: Partial<OpData> = {}): OpData {
  return {
    op: word, written: word, kind: "plain", path: word, named: true, inputs, outputs, at: [0, 1, 1, 1, 2], axes: [], law: [],
    weights: [], summary: 0, counts: [1, 1, 0, 2], reach: ["1", "1", "0"], seen: 1, idle: 0, facts: { input: "a", output: "b" }, ...more,
  };
}

export function block(name: string, nodes: BlockData["nodes"], entries: BlockData["entries"], outputs: number[]): BlockData {
  return {
    name, arguments: "", inputs: [{ name: "x", value: 0 }], outputs: outputs.map((value) => ({ name: `out${value}`, value })),
    types: "8", nodes, entries,
  };
}

export function net(blocks: BlockData[]): NetData {
  return {
    version: 1, name: "n", arguments: "", batch: 1, mode: "eval", dtype: null,
    columns: [["params", "parameters"], ["trainable_params", "trainable"], ["buffers", "buffers"], ["macs", "MACs"]],
    blocks, summaries: [""], files: [], memory: [], accuracy: { macs: 0, params: 0, published: null, nets: [] },
  };
}

/** Return a net that calls a residual block so many times, one call after the other. */
export function residuals(times: number): NetData {
  const inner = block("unit", [
    op("conv", [0], [1]), op("bn", [1], [2], { counts: [0, 0, 0, 0], facts: { input: "b", output: "b" } }), op("add", [2, 0], [3], { kind: "join", named: false, path: "" }),
  ], [{ chain: [0, 1] }, 2], [3]);
  const call = { block: 0, path: [["\0", times, [0], [1]]] as [string, number, number[], number[]][], named: true, inputs: [0], outputs: [1], at: [0, 2, 1, 2, 2] as [number, number, number, number, number], times, step: 1 };
  return net([inner, block("n", [call], [{ times, word: "unit", calls: [[0, 1, times]] }], [times])]);
}
