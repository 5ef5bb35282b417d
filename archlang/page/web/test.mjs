// Runs test/*.test.ts under Node's own test runner, bundled first, with what the sources ask of a browser.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), "archlang-page-"));
const tests = readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts"));
// words have no width without a browser; the layout then counts their letters
const banner = { js: "globalThis.document ??= { createElement: () => ({ getContext: () => null }) };" };
await build({
  absWorkingDir: here, entryPoints: tests.map((name) => join("test", name)), outdir: out, outExtension: { ".js": ".mjs" },
  bundle: true, platform: "node", format: "esm", target: "node20", banner, logLevel: "warning",
});
const run = spawnSync(process.execPath, ["--test", ...tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))], { stdio: "inherit" });
process.exit(run.status ?? 1);
