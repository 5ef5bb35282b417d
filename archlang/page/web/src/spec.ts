// The text of the spec with colours: the lines of what is chosen are marked, errors stand below theirs.

import { type FileData, type Place, type Problem } from "./data";
import { html } from "./dom";
import { headline } from "./format";
import { type State } from "./state";
import { type Item, around } from "./tree";

export class SpecView {
  readonly element = html("section", { class: "spec", "aria-label": "Spec" });
  private readonly tabs = html("div", { class: "tabs files", role: "tablist", "aria-label": "Files" });
  private readonly code = html("div", { class: "code", tabindex: 0, role: "region" });
  private lines: HTMLElement[] = [];
  private shown = 0;

  constructor(private readonly state: State) {
    this.element.append(this.tabs, this.code);
    this.code.addEventListener("click", (event) => this.clicked(event));
    state.on("select", (origin) => this.mark(origin !== "spec"));
    state.on("net", () => this.renew());
    this.renew();
  }

  private get files(): FileData[] {
    return this.state.net.data.files;
  }

  /** Show the texts anew; the problems of `data` stand at their lines. */
  renew(): void {
    this.shown = Math.min(this.shown, Math.max(0, this.files.length - 1));
    const top = this.code.scrollTop;
    this.show(this.shown);
    this.mark(false);
    this.code.scrollTop = top;
    const wrong = this.problems().find((problem) => problem.severity === "error");
    if (wrong) this.scrollTo(this.files.findIndex((file) => file.name === wrong.span.file), wrong.span.line);
  }

  private problems(): Problem[] {
    return this.state.net.data.problems ?? [];
  }

  private show(at: number): void {
    this.shown = at;
    const tabs = this.files.map((file, number) =>
      html("button", {
        type: "button", role: "tab", "aria-selected": String(number === at), tabindex: number === at ? 0 : -1,
        click: () => { this.show(number); this.mark(false); }, keydown: (event: KeyboardEvent) => this.moved(event, number),
      }, file.name.replace(/^.*\//, "")),
    );
    this.tabs.replaceChildren(...tabs);
    const file = this.files[at];
    this.code.setAttribute("aria-label", file ? `Text of ${file.name}` : "No text");
    this.lines = (file?.lines ?? []).map((parts, number) => line(parts, number + 1));
    this.code.replaceChildren(...this.lines);
    if (file) this.problems().filter((one) => one.span.file === file.name).forEach((one) => this.tell(one));
  }

  private moved(event: KeyboardEvent, number: number): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    this.show((number + step + this.files.length) % this.files.length);
    this.mark(false);
    this.tabs.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  }

  private tell(problem: Problem): void {
    const row = this.lines[problem.span.line - 1];
    if (!row) return;
    row.classList.add(problem.severity);
    const note = html("div", { class: `problem ${problem.severity}`, role: "note" });
    note.append(html("strong", {}, headline(problem)), problem.message);
    if (problem.pointed) note.append(html("div", {}, problem.pointed));
    if (problem.help) note.append(html("div", { class: "help" }, `help: ${problem.help}`));
    row.append(note);
  }

  private mark(scroll: boolean): void {
    for (const row of this.code.querySelectorAll(".line.on, .line.calling")) row.classList.remove("on", "calling");
    const { selected } = this.state;
    if (!selected) return;
    const place = placeOf(selected);
    const callers = [...around(selected)].map(placeOf).filter((one): one is Place => one !== null);
    if (place && place[0] >= 0 && place[0] !== this.shown && scroll) this.show(place[0]);
    for (const [file, from, , to] of callers) this.paint(file, from, Math.min(to, from), "calling");
    if (!place) return;
    this.paint(place[0], place[1], place[3], "on");
    if (scroll) this.scrollTo(place[0], place[1]);
  }

  private paint(file: number, from: number, to: number, name: string): void {
    if (file !== this.shown) return;
    for (let at = from; at <= to; at++) this.lines[at - 1]?.classList.add(name);
  }

  private scrollTo(file: number, at: number): void {
    if (file < 0) return;
    if (file !== this.shown) this.show(file);
    const row = this.lines[at - 1];
    if (!row) return;
    const [top, high] = [row.offsetTop, this.code.clientHeight];
    if (top < this.code.scrollTop + 20 || top > this.code.scrollTop + high - 40) this.code.scrollTop = top - high / 3;
  }

  private clicked(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>(".line");
    if (!row || String(getSelection()) !== "") return;
    const at = Number(row.dataset["line"]);
    const found = this.itemAt(at);
    if (found) this.state.select(found, "spec");
  }

  /** Return the first item that was written at a line: the one with the shortest text that covers it. */
  private itemAt(line: number): Item | null {
    let best: Item | null = null;
    let least = Infinity;
    for (const item of this.state.net.items) {
      const place = placeOf(item);
      if (!place || place[0] !== this.shown || place[1] > line || place[3] < line) continue;
      const size = (place[3] - place[1]) * 1000 + Math.max(0, place[4] - place[2]);
      // the step that begins the line, of several on it
      const rank = place[1] === place[3] ? place[2] / 1000 : size;
      if (rank < least) [best, least] = [item, rank];
    }
    return best;
  }
}

function placeOf(item: Item): Place | null {
  return item.plan.node?.at ?? null;
}

function line(parts: string[], number: number): HTMLElement {
  const text = html("span", { class: "text" });
  for (let at = 0; at < parts.length; at += 2) {
    text.append(parts[at] ? html("span", { class: `t-${parts[at]}` }, parts[at + 1]) : parts[at + 1]);
  }
  return html("div", { class: "line", "data-line": number }, html("span", { class: "number", "aria-hidden": "true" }, String(number)), text);
}
