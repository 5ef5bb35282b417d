// What archlang/page/data.py writes, as types.

import { type Numbers, type Texts } from "./progressions";

export interface Port {
  name: string;
  value: number;
  training?: boolean;
}

export type Place = [file: number, line: number, column: number, endLine: number, endColumn: number];

export interface OpData {
  op: string;
  written: string;
  kind: "join" | "weights" | "plain" | "wrong";
  path: string;
  named: boolean;
  inputs: number[];
  outputs: number[];
  at: Place;
  axes: string[];
  law: [string, string[]][];
  weights: [string, string, number, boolean][];
  summary: number;
  counts: Numbers[];
  reach: Texts[];
  seen: Numbers;
  /** 1 where it runs in training only. */
  idle: Numbers;
  facts: Record<string, Texts>;
}

export interface CallData {
  block: number;
  path: Texts;
  named: boolean;
  inputs: number[];
  outputs: number[];
  at: Place;
  times?: number;
  step?: number;
}

export type NodeData = OpData | CallData;
/** How the calls of what repeats look, laid over each other: boxes, 1 where only some calls have it, and what varies. */
export interface Each {
  lines: [text: string, isOptional: number][];
  note: string;
  table: string[][];
}

/** Labelled braces, which have a path; what repeats, which has `times`; or braces that hold nothing else. */
export interface Group {
  name?: string;
  path?: string;
  times?: number;
  word?: string;
  each?: Each;
  calls?: Numbers;
  entries?: Entry[];
}

export type Entry = number | { chain: number[] } | Group;

export interface BlockData {
  name: string;
  arguments: string;
  inputs: Port[];
  outputs: Port[];
  types: Texts;
  nodes: NodeData[];
  entries: Entry[];
}

export interface MemoryData {
  title: string;
  unknown?: string;
  peak: number;
  where: string;
  bound: string;
  /** The bytes of each kind at each moment, what stays longest first; a band's colour is that of its number. */
  bands: [number: number, kind: string, sizes: Numbers][];
  layers: [string, number][];
  moments: [phase: number, path: number, op: number, bytes: number, times: number][];
  texts: string[];
}

export interface AccuracyData {
  macs: number;
  params: number;
  published: { top1: number; macs: number | null; side: number | null } | null;
  nets: [name: string, family: string, macs: number, params: number, top1: number, side: number | null][];
}

export interface FileData {
  name: string;
  lines: string[][];
}

export interface Span {
  file: string;
  line: number;
  column: number;
  end_line: number;
  end_column: number;
}

export interface Problem {
  code: string;
  message: string;
  span: Span;
  labels: { span: Span; text: string }[];
  help: string | null;
  severity: "error" | "warning" | "note";
  pointed: string;
}

export interface NetData {
  version: number;
  name: string;
  arguments: string;
  batch: number;
  mode: "eval" | "train";
  dtype: string | null;
  columns: [string, string][];
  blocks: BlockData[];
  summaries: string[];
  files: FileData[];
  memory: MemoryData[];
  accuracy: AccuracyData;
  problems?: Problem[];
  /** Whether this is what is known of a wrong net, whose sums are not those of the net. */
  partial?: boolean;
  live?: string;
}

export function isCall(node: NodeData): node is CallData {
  return "block" in node;
}
