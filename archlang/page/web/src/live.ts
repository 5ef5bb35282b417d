// The page of `archlang watch`: it follows the file, and keeps the last good picture.

import { type NetData } from "./data";
import { keyOf, openSome } from "./opening";
import { type State } from "./state";
import { Net } from "./tree";

interface News {
  /** The data of a valid spec; of a wrong one only its files and problems. */
  net?: NetData;
  files?: NetData["files"];
  problems?: NetData["problems"];
}

/** Take news from the server for as long as it runs. */
export function follow(state: State, address: string): void {
  const source = new EventSource(address);
  source.addEventListener("news", (event) => take(state, JSON.parse((event as MessageEvent<string>).data) as News));
  source.addEventListener("open", () => document.documentElement.removeAttribute("data-away"));
  source.addEventListener("error", () => (document.documentElement.dataset["away"] = ""));
}

function take(state: State, news: News): void {
  if (!news.net) {
    Object.assign(state.net.data, { files: news.files, problems: news.problems });
    state.emit("net", "live");
    return;
  }
  const before = state.net;
  const net = new Net({ ...news.net, live: before.data.live });
  const opened = new Set(before.items.filter((item) => item.open).map(keyOf));
  const had = new Set(before.items.map(keyOf));
  if (before.items.length > 1) {
    for (const item of net.items) item.open = item === net.root || (item.children.length > 0 && opened.has(keyOf(item)));
    if (!net.items.some((item) => had.has(keyOf(item)) && item !== net.root)) openSome(net);
  } else {
    openSome(net);
  }
  const chosen = state.selected && keyOf(state.selected);
  state.net = net;
  state.hovered = null;
  state.selected = net.items.find((item) => item.parent && keyOf(item) === chosen) ?? null;
  state.emit("net", "live");
  state.emit("select", "live");
}
