// Lists written short by archlang/page/progressions.py, read back.

export type Numbers = number | null | [number | null, number, number][];
export type Texts = string | [string, number, number[], number[]][];

/** Return the number of one call. */
export function numberAt(written: Numbers, at: number): number | null {
  if (!Array.isArray(written)) return written;
  for (const [first, step, count] of written) {
    if (at < count) return first === null ? null : first + step * at;
    at -= count;
  }
  return null;
}

/** Return every number of a list that is not written as one value. */
export function everyNumber(written: Numbers): number[] {
  if (!Array.isArray(written)) return written === null ? [] : [written];
  return written.flatMap(([first, step, count]) => Array.from({ length: count }, (_, at) => (first ?? 0) + step * at));
}

/** Return the text of one call. */
export function textAt(written: Texts, at: number): string {
  if (typeof written === "string") return written;
  for (const [template, count, firsts, steps] of written) {
    if (at < count) {
      let hole = 0;
      return template.replace(/\0/g, () => String(firsts[hole] + steps[hole++] * at));
    }
    at -= count;
  }
  return "";
}
