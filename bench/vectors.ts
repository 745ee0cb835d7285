import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/* How long `phx vectors` takes for the files given (default: those beside the repository): by the model, against the 5 s
   that 15,303 cases may take, and, as root, through a live kernel, against 200 cases a second. */

const PHX = fileURLToPath(new URL("../phx", import.meta.url));
const SHARED = ["pve-phoenix.jsonl", "pve-general.jsonl"].map((name) =>
  fileURLToPath(new URL(`../../shared/vectors/${name}`, import.meta.url)),
);
const MODEL_ANCHOR_S = 5;
const LIVE_ANCHOR_PER_SECOND = 200;

interface Result {
  readonly casesDecided: number;
  readonly agreed: number;
  readonly timings: Readonly<Record<string, number>>;
}

function vectors(...flags: string[]): Result & { readonly seconds: number } {
  const files = process.argv.slice(2);
  const args = ["vectors", ...(files.length > 0 ? files : SHARED), "--json", ...flags];
  const since = performance.now();
  const { stdout, stderr } = spawnSync(PHX, args, { encoding: "utf8", maxBuffer: 2 ** 30 });
  const seconds = (performance.now() - since) / 1000;
  if (stdout === "") throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Result), seconds };
}

const model = vectors();
console.log(
  `model: ${model.agreed} of ${model.casesDecided} agreed in ${model.seconds.toFixed(2)} s, ${model.seconds > MODEL_ANCHOR_S ? "over" : "under"} its bound: ${(model.seconds / MODEL_ANCHOR_S).toFixed(2)} x ${MODEL_ANCHOR_S} s`,
);
if (process.getuid?.() === 0) {
  const live = vectors("--live");
  const perSecond = live.casesDecided / live.seconds;
  const phases = Object.entries(live.timings).map(([phase, ms]) => `${phase} ${Math.round(ms)}`);
  console.log(
    `live: ${live.agreed} of ${live.casesDecided} agreed in ${live.seconds.toFixed(2)} s, ${Math.round(perSecond)} cases/s, ${(perSecond / LIVE_ANCHOR_PER_SECOND).toFixed(2)} x ${LIVE_ANCHOR_PER_SECOND}/s`,
  );
  console.log(`  ${phases.join(", ")}`);
} else console.log("live: not asked, for that needs root");
