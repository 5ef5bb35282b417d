// What stands around the views: the head of the page, its problems, the tabs at the bottom.

import { type Problem } from "./data";
import { html } from "./dom";
import { full, headline, short } from "./format";
import { type Scheme, type State } from "./state";
import { recallScheme, useScheme } from "./theme";

export function header(state: State, search: HTMLElement): HTMLElement {
  const title = html("div", { class: "title" });
  const tell = () => {
    const { data, root } = state.net;
    document.title = data.name;
    const total = (name: string) => state.net.sum(root, data.columns.findIndex(([column]) => column === name));
    const block = data.blocks[data.blocks.length - 1];
    const inputs = block.inputs.map((port) => `${port.name} ${state.net.typeWithin(root, port.value)}`).join(", ");
    const counts = data.partial ? ["not valid; drawn as far as it is known"] : [`${short(total("params"))} parameters`, `${short(total("macs"))} MACs`, `${full(root.end)} operators`];
    const told = [...counts, inputs, data.batch > 1 ? `batch ${data.batch}` : ""];
    title.replaceChildren(html("h1", {}, data.name), html("p", {}, told.filter(Boolean).join(" · ")));
  };
  state.on("net", tell);
  tell();
  return html("header", {}, title, search, heat(state), scheme(state), html("button", { type: "button", click: () => print() }, "Print"));
}

function heat(state: State): HTMLElement {
  const select = html("select", { change: () => { state.heat = select.value === "" ? null : Number(select.value); state.emit("heat"); } });
  const fill = () => {
    const { data, root } = state.net;
    const counted = data.columns.map(([, heading], at) => [at, heading] as const).filter(([at]) => state.net.sum(root, at) !== 0);
    select.replaceChildren(html("option", { value: "" }, "by kind"), ...counted.map(([at, heading]) => html("option", { value: at }, heading)), html("option", { value: -1 }, "receptive field"));
    select.value = state.heat === null ? "" : String(state.heat);
  };
  state.on("net", fill);
  fill();
  return html("label", { class: "choice" }, "Colour", select);
}

function scheme(state: State): HTMLElement {
  const select = html("select", { change: () => useScheme(state, select.value as Scheme) });
  for (const one of ["auto", "light", "dark"]) select.append(html("option", { value: one }, one));
  recallScheme(state);
  select.value = state.scheme;
  return html("label", { class: "choice" }, "Theme", select);
}

/** Return the list of errors and warnings; it is empty for a page of a valid spec without any. */
export function problems(state: State): HTMLElement {
  const element = html("div", { class: "problems", role: "status" });
  const fill = () => {
    const found = state.net.data.problems ?? [];
    const wrong = found.filter((one) => one.severity === "error");
    element.hidden = !found.length;
    const rows = found.slice(0, 5).map((one) => row(one));
    if (found.length > rows.length) rows.push(html("p", {}, `and ${found.length - rows.length} more`));
    if (wrong.length && state.net.root.end && !state.net.data.partial) rows.push(html("p", { class: "kept" }, "The picture is that of the last valid text."));
    element.replaceChildren(...rows);
  };
  state.on("net", fill);
  fill();
  return element;
}

function row(problem: Problem): HTMLElement {
  const { file, line, column } = problem.span;
  const place = file ? `${file.replace(/^.*\//, "")}:${line}:${column}` : "";
  return html("p", { class: problem.severity }, html("strong", {}, headline(problem)), problem.message, html("span", { class: "place" }, ` ${place}`));
}

/** Return tabs with a panel each, of which one is shown. */
export function bottom(panels: [string, HTMLElement][]): HTMLElement {
  const list = html("div", { class: "tabs", role: "tablist", "aria-label": "Tables and plots" });
  const element = html("section", { class: "bottom", "aria-label": "Tables and plots" }, list);
  const tabs = panels.map(([name, panel], at) => {
    const id = name.toLowerCase();
    Object.assign(panel, { id: `panel-${id}` });
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${id}`);
    element.append(panel);
    const tab = html("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, click: () => show(at) }, name);
    tab.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!step) return;
      const next = (at + step + panels.length) % panels.length;
      show(next);
      tabs[next].focus();
    });
    list.append(tab);
    return tab;
  });
  const fold = html("button", { type: "button", class: "fold", "aria-expanded": "true", click: () => {
    const folded = document.body.classList.toggle("folded");
    fold.setAttribute("aria-expanded", String(!folded));
    fold.textContent = folded ? "Show" : "Hide";
  } }, "Hide");
  list.after(fold);
  const show = (at: number) => {
    tabs.forEach((tab, number) => {
      tab.setAttribute("aria-selected", String(number === at));
      tab.tabIndex = number === at ? 0 : -1;
      panels[number][1].hidden = number !== at;
    });
  };
  show(0);
  return element;
}
