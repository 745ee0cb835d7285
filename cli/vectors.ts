import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXIT, HarnessError } from "../errors.ts";
import { hardwareOf, World } from "../policy/world.ts";
import { parseArguments, usage } from "./arguments.ts";
import { totalOf } from "./vector-count.ts";
import { type Choice, decideVectors } from "./vector-run.ts";
import { JsonReport, TextReport } from "./vector-text.ts";

export const help = `usage: phx vectors FILE... [--live] [--sample N [--seed S]] [--json]

Decides packets that Proxmox has decided before, and says where the model differs. With --live real packets pass a real
kernel too, under the compiled rules, in a lab of its own that is gone afterwards. Exit 1 where one disagrees, 4 where the
kernel's word on one could not be told.

  FILE        JSON objects, one a line: id (once in a file), files (.fw texts by name), estate (the same in Phoenix JSON, if
              any), cases. With estate a line is of the Phoenix world, else of the general one: fixtures/worlds/

a case, the first packet of a connection:
  from, to    host, outside, nfvm (a guest without a firewall), vm101 or ct200, vm101i1 for another NIC than the first
  proto       tcp, udp, icmp, or another protocol's name or number
  source      its address (default: the host's where that sends, else 100.100.1.2)
  dest        its address (default: the host's where it goes there, else 100.200.3.4)
  sport       the source port, if any
  dport       the destination port, if any; of icmp a type's name or number (default: echo-request)
  expect      ACCEPT, DROP or REJECT
  reject      tcp-reset, icmp-port-unreachable or icmp-host-prohibited, where the kind is to agree too

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
  const choice = choiceOf(values.sample, values.seed);
  if (values.live) requireRoot();
  const worlds = { phoenix: worldOf("phoenix"), general: worldOf("general") };
  const report = values.json ? new JsonReport() : new TextReport();
  const told = await decideVectors(positionals, { worlds, choice, report, isLive: values.live === true });
  report.end(told);
  const { disagreed, unknown } = totalOf(told.files);
  return disagreed > 0 ? EXIT.findings : unknown > 0 ? EXIT.inconclusive : EXIT.conformant;
}

function choiceOf(count: string | undefined, seed: string | undefined): Choice | undefined {
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
