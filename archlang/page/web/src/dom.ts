// Elements made by hand: text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

type Value = string | number | boolean | null | undefined | ((event: never) => void);

function filled<E extends Element>(element: E, attributes: Record<string, Value>, children: (Node | string | null)[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value as unknown as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Return an HTML element with attributes, listeners and children. */
export function html<K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Record<string, Value> = {}, ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** Return an SVG element with attributes, listeners and children. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K, attributes: Record<string, Value> = {}, ...children: (Node | string | null)[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, name) as SVGElementTagNameMap[K], attributes, children);
}
