// Bundles the page: ../bundle/page.js, page.css and the licences of what is in them. `node build.mjs [FOLDER]`
import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "bundle");
mkdirSync(out, { recursive: true });

const shared = { bundle: true, minify: true, absWorkingDir: here, legalComments: "none", write: false, logLevel: "warning" };
const script = await build({ ...shared, entryPoints: ["src/main.ts"], format: "iife", target: "es2022", charset: "ascii", metafile: true });
const style = await build({ ...shared, entryPoints: ["src/page.css"] });

// the script stands within a <script> element, which this would end
const text = script.outputFiles[0].text.trim();
if (/<\/script|<!--/i.test(text)) throw new Error("the bundle would end its script element");

const packages = new Set(
  Object.keys(script.metafile.inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter(Boolean),
);
// dagre's own bundle holds graphlib
if (packages.has("@dagrejs/dagre")) packages.add("@dagrejs/graphlib");
const licences = [...packages].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `${name} ${version}, ${license}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
});
const head = "page.js holds parts of these packages, under their licences.\n";
const rule = `\n${"-".repeat(80)}\n\n`;
writeFileSync(join(out, "page.js"), `${text}\n`);
writeFileSync(join(out, "page.css"), `${style.outputFiles[0].text.trim()}\n`);
writeFileSync(join(out, "LICENCES.txt"), [head, ...licences].join(rule));
