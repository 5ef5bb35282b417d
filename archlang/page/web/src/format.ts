// Numbers as people read them.

import { type Problem } from "./data";

const POWERS = ["", "k", "M", "G", "T", "P"];

/** Return three digits and k, M, G, which are powers of 1,000: `4.09 G`. */
export function short(value: number | null): string {
  if (value === null) return "?";
  let power = 0;
  let rest = value;
  while (Math.abs(rest) >= 999.5 && power < POWERS.length - 1) {
    rest /= 1000;
    power++;
  }
  const digits = Number(rest.toPrecision(3));
  return POWERS[power] ? `${digits} ${POWERS[power]}` : String(digits);
}

/** Return bytes with a binary unit: `97.5 MiB`. */
export function bytes(value: number | null): string {
  if (value === null) return "?";
  let power = 0;
  let rest = value;
  while (Math.abs(rest) >= 999.5 && power < 4) {
    rest /= 1024;
    power++;
  }
  return `${Number(rest.toPrecision(3))} ${power ? `${POWERS[power].toUpperCase()}iB` : "B"}`;
}

/** Return every digit, in groups of three. */
export function full(value: number | null): string {
  return value === null ? "?" : value.toLocaleString("en-US");
}

/** Return a count in the unit of its column. */
export function inUnit(column: string, value: number | null): string {
  return column.endsWith("_bytes") ? bytes(value) : short(value);
}

export function percent(part: number, whole: number): string {
  if (!whole) return "";
  const share = (100 * part) / whole;
  return share >= 9.95 ? `${share.toFixed(0)}%` : share >= 0.1 ? `${share.toFixed(1)}%` : share > 0 ? "<0.1%" : "0%";
}

/** Return how a problem begins: `error[unknown-operator] `. */
export function headline(problem: Problem): string {
  return problem.code ? `${problem.severity}[${problem.code}] ` : `${problem.severity}: `;
}
