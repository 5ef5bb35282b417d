// Finding layers and groups by their path, operator or block.

import { html } from "./dom";
import { type State } from "./state";
import { type Item, called, told } from "./tree";

const MOST = 40; // results that are listed

export class SearchView {
  readonly input = html("input", {
    type: "search", role: "combobox", placeholder: "Search layers  /", "aria-label": "Search layers and blocks",
    "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
  });
  private readonly list = html("ul", { id: "found", role: "listbox", "aria-label": "Found", hidden: true });
  private readonly status = html("span", { class: "hidden", role: "status" });
  readonly element = html("div", { class: "search", role: "search" }, this.input, this.list, this.status);
  private found: Item[] = [];
  private at = -1;

  constructor(private readonly state: State) {
    this.input.addEventListener("input", () => this.look());
    this.input.addEventListener("focus", () => this.look());
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 120));
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  private look(): void {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return this.close();
    const ranked: [number, Item][] = [];
    for (const item of this.state.net.items) {
      if (!item.parent) continue;
      const [path, what] = [called(item).toLowerCase(), told(item).toLowerCase()];
      const both = `${path} ${what}`;
      if (!words.every((word) => both.includes(word))) continue;
      const rank = path === words[0] ? 0 : path.startsWith(words[0]) ? 1 : path.split(".").some((part) => part === words[0]) ? 2 : what.startsWith(words[0]) ? 3 : 4;
      ranked.push([rank, item]);
    }
    ranked.sort((a, b) => a[0] - b[0] || a[1].id - b[1].id);
    this.found = ranked.slice(0, MOST).map(([, item]) => item);
    this.at = this.found.length ? 0 : -1;
    const more = ranked.length - this.found.length;
    this.status.textContent = ranked.length === 1 ? "1 result" : `${ranked.length} results`;
    const rows = this.found.map((item, number) => html("li", { role: "option", id: `found-${number}`, "aria-selected": "false", mousedown: () => this.choose(number) }, html("span", {}, called(item)), html("span", { class: "what" }, told(item))));
    if (!rows.length || more > 0) rows.push(html("li", { class: "more", role: "option", "aria-disabled": "true", "aria-selected": "false" }, rows.length ? `and ${more} more` : "nothing found"));
    this.list.replaceChildren(...rows);
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark();
  }

  private mark(): void {
    this.list.querySelectorAll("[id]").forEach((row, number) => {
      row.setAttribute("aria-selected", String(number === this.at));
      if (number === this.at) row.scrollIntoView({ block: "nearest" });
    });
    if (this.at >= 0) this.input.setAttribute("aria-activedescendant", `found-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      this.input.value = "";
      this.close();
      this.input.blur();
    } else if (event.key === "Enter" && this.at >= 0 && !this.list.hidden) {
      this.choose(this.at);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (this.found.length) this.at = (this.at + step + this.found.length) % this.found.length;
      this.mark();
    }
  }

  private choose(number: number): void {
    const item = this.found[number];
    if (item) this.state.select(item, "search");
    this.close();
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
