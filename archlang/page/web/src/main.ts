// Puts the page together from the data that stands in it.

import { AccuracyView } from "./accuracy";
import { type NetData } from "./data";
import { DetailView } from "./detail";
import { html } from "./dom";
import { bottom, header, problems } from "./frame";
import { GraphPanel } from "./panel";
import { follow } from "./live";
import { MemoryView } from "./memory";
import { openSome } from "./opening";
import { SearchView } from "./search";
import { SpecView } from "./spec";
import { State } from "./state";
import { TableView } from "./table";
import { Net } from "./tree";

function start(): void {
  const data = JSON.parse(document.getElementById("data")!.textContent!) as NetData;
  const net = new Net(data);
  openSome(net);
  const state = new State(net);
  const search = new SearchView(state);
  const panel = new GraphPanel(state);
  const detail = new DetailView(state);
  const tabs = bottom([
    ["Layers", new TableView(state).element],
    ["Memory", new MemoryView(state).element],
    ["Accuracy", new AccuracyView(state).element],
  ]);
  document.body.append(
    header(state, search.element),
    problems(state),
    html("main", {}, panel.element, new SpecView(state).element, detail.element, tabs),
  );
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.input.focus();
    }
  });
  if (data.live) follow(state, data.live);
  linked(state);
  // for measurements: how long a frame takes
  Object.assign(window, { archlang: { state, graph: panel.graph } });
  document.documentElement.dataset["ready"] = performance.now().toFixed(1);
}

/** Keep what is chosen in the address, so that a link leads to it. */
function linked(state: State): void {
  const find = () => {
    const path = decodeURIComponent(location.hash.slice(1));
    const item = path ? state.net.items.find((one) => one.parent && one.path === path) : undefined;
    if (item && item !== state.selected) state.select(item, "link");
  };
  state.on("select", () => history.replaceState(null, "", `#${encodeURIComponent(state.selected?.path ?? "")}`));
  addEventListener("hashchange", find);
  requestAnimationFrame(find);
}

start();
