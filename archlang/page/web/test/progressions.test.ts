import assert from "node:assert/strict";
import { test } from "node:test";
import { everyNumber, numberAt, textAt } from "../src/progressions";

test("a number stands for all calls", () => {
  assert.equal(numberAt(7, 12), 7);
  assert.equal(numberAt(null, 3), null);
});

test("runs of numbers are read back", () => {
  const written: [number | null, number, number][] = [[4, 3, 3], [null, 0, 2], [0, 0, 1]];
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((at) => numberAt(written, at)), [4, 7, 10, null, null, 0]);
  assert.deepEqual(everyNumber([[4, 3, 3]]), [4, 7, 10]);
});

test("runs of texts are read back", () => {
  const written: [string, number, number[], number[]][] = [["layer\0.\0", 2, [1, 0], [0, 2]], ["end", 1, [], []]];
  assert.deepEqual([0, 1, 2].map((at) => textAt(written, at)), ["layer1.0", "layer1.2", "end"]);
  assert.equal(textAt("same", 5), "same");
});
