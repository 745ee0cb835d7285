import { randomInt } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXIT, HarnessError } from "../errors.ts";
import { decideOn } from "../policy/decide.ts";
import { type ReadVector, readVectors, type Worlds } from "../policy/vector-file.ts";
import { agrees } from "../policy/vectors.ts";
import { hardwareOf, World } from "../policy/world.ts";
import { parseArguments, usage } from "./arguments.ts";
import { sample } from "./sample.ts";
import { sweep } from "./sweep-labs.ts";
import { Live, type Seen } from "./vector-live.ts";
import { type Judged, print, printJson, type Told } from "./vector-text.ts";

export const help = `usage: phx vectors FILE... [--live] [--sample N [--seed S]] [--json]

Decides packets that Proxmox has decided before, and says where the model differs. With --live real packets pass a real
kernel too, under the compiled rules, in a lab of its own that is gone afterwards. Exit 1 where one disagrees, 4 where the
kernel's word on one could not be told.

  FILE        JSON objects, one a line: id, files (.fw texts by name), estate (the same in Phoenix JSON, if any), cases.
              With estate a line is of the Phoenix world, else of the general one: fixtures/worlds/

flags:
  --live      ask the kernel too; needs root
  --sample N  only N configurations, chosen by the seed
  --seed S    a number, to choose the same ones again (default: any; it is printed)
  --json      all of it as JSON
  --help      this text

example:
  sudo phx vectors pve-phoenix.jsonl pve-general.jsonl --live --sample 20
`;

const EXPECTED = "FILE... [--live] [--sample N [--seed S]] [--json]";
const TEXT = { type: "string" } as const;
const YES = { type: "boolean" } as const;
const OPTIONS = { live: YES, sample: TEXT, seed: TEXT, json: YES } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("vectors", EXPECTED, { args, options: OPTIONS }, 1000);
  if (positionals.length === 0) throw usage("vectors", EXPECTED, "no file");
  const chosen = choiceOf(values.sample, values.seed);
  if (values.live) requireRoot();
  const worlds = { phoenix: worldOf("phoenix"), general: worldOf("general") };
  const since = performance.now();
  const all = positionals.flatMap((file) => readVectors(file, textOf(file), worlds));
  const vectors = chosen ? sample(all, chosen.count, chosen.seed) : all;
  const readMs = performance.now() - since;
  const judged = vectors.map(judgeByModel);
  const modelMs = performance.now() - since - readMs;
  const live = values.live ? await judgeLive(judged, vectors, worlds) : undefined;
  const told: Told = {
    ...(chosen ? { seed: chosen.seed } : {}),
    configurations: all.length,
    judged: live?.judged.flat() ?? judged.flat(),
    timings: { readMs, modelMs, ...live?.timings },
  };
  if (values.json) printJson(told);
  else print(told);
  const of = (agreement: Judged["agreement"]) => told.judged.some((each) => each.agreement === agreement);
  return of("disagreed") ? EXIT.findings : of("unknown") ? EXIT.inconclusive : EXIT.conformant;
}

/** A line with `estate` has two decisions, and agrees only if both do. */
function judgeByModel({ vector, file, line, node, estateNode, flows }: ReadVector): Judged[] {
  return flows.flatMap((flow, index) => {
    const each = vector.cases[index];
    if (!each) return [];
    const nodes = [node, ...(estateNode ? [estateNode] : [])];
    const decisions = nodes.map((declared) => decideOn(declared, flow));
    const agreement = decisions.every((decision) => agrees(decision, each)) ? "agreed" : "disagreed";
    return [{ file, line, id: vector.id, index, each, flow, decisions, agreement }];
  });
}

async function judgeLive(judged: readonly Judged[][], vectors: readonly ReadVector[], worlds: Worlds) {
  await sweep((line) => process.stderr.write(`phx: ${line}\n`));
  await using live = new Live(`vectors-${process.pid}`, worlds);
  const both: Judged[][] = [];
  for (const [at, vector] of vectors.entries()) {
    const cases = judged[at] ?? [];
    const isExpected = (seen: Seen, index: number) => {
      const each = vector.vector.cases[index];
      return seen.verdict !== "unknown" && each !== undefined && agrees(seen, each);
    };
    const seen = await live.decide(vector, isExpected);
    both.push(
      cases.map((each) => {
        const kernel = seen.flatMap((outcomes) => outcomes[each.index] ?? []);
        return { ...each, kernel, agreement: agreementOf(each, kernel) };
      }),
    );
  }
  return { judged: both, timings: live.timings };
}

/** Not told is never agreed; but what disagrees already, does. */
function agreementOf({ each, agreement }: Judged, kernel: readonly Seen[]): Judged["agreement"] {
  const told = kernel.filter((seen) => seen.verdict !== "unknown");
  if (agreement === "disagreed" || !told.every((seen) => agrees(seen, each))) return "disagreed";
  return told.length > 0 && told.length === kernel.length ? "agreed" : "unknown";
}

function choiceOf(count: string | undefined, seed: string | undefined) {
  if (count === undefined && seed !== undefined)
    throw usage("vectors", "--seed only with --sample", "it alone");
  if (count === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(count)) throw usage("vectors", "--sample to be a number from 1", count);
  if (seed !== undefined && !(/^\d{1,10}$/.test(seed) && Number(seed) < 2 ** 32))
    throw usage("vectors", "--seed to be a number from 0 to 4294967295", seed);
  return { count: Number(count), seed: seed === undefined ? randomInt(2 ** 32) : Number(seed) };
}

function requireRoot(): void {
  const uid = process.getuid?.();
  if (uid === 0) return;
  const remedy = "Run it as root (sudo phx vectors ... --live), or leave out --live.";
  const actual = `user ${uid}`;
  throw new HarnessError("not-root", { subject: "phx vectors --live", expected: "root", actual, remedy });
}

function worldOf(name: string) {
  const path = fileURLToPath(new URL(`../fixtures/worlds/${name}.json`, import.meta.url));
  return hardwareOf(World.parse(JSON.parse(readFileSync(path, "utf8"))));
}

/** 15,000 cases are 3 MB. */
const LARGEST_BYTES = 256 * 1024 * 1024;

function textOf(file: string): string {
  const expected = "a regular, readable file of at most 256 MiB";
  let actual = "something else";
  try {
    const found = statSync(file);
    if (found.isFile() && found.size <= LARGEST_BYTES) return readFileSync(file, "utf8");
    actual = found.isFile() ? `${found.size} bytes` : found.isDirectory() ? "a directory" : actual;
  } catch (error) {
    actual = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  throw new HarnessError("estate-unreadable", { subject: file, expected, actual });
}
