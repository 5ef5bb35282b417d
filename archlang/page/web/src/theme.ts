// Light and dark: as the system has it, or as chosen.

import { type Scheme, type State } from "./state";

const KEY = "archlang-scheme";
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen ? chosen === "dark" : SYSTEM.matches;
}

/** Use a scheme from now on, and on the next page too where the browser keeps anything. */
export function useScheme(state: State, scheme: Scheme): void {
  state.scheme = scheme;
  if (scheme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = scheme;
  try {
    localStorage.setItem(KEY, scheme);
  } catch {
    // a page from disk may keep nothing
  }
  state.emit("theme");
}

/** Use the scheme that was chosen before. */
export function recallScheme(state: State): void {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    kept = null;
  }
  if (kept === "light" || kept === "dark") useScheme(state, kept);
  SYSTEM.addEventListener("change", () => state.emit("theme"));
}
