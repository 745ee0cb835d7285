import { execute } from "../lab/process.ts";
import type { ProbeContext } from "./context.ts";
import { type Directive, parseNginx } from "./nginx-config.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

const PASSES: ReadonlySet<string> = new Set([
  "proxy_pass",
  "fastcgi_pass",
  "grpc_pass",
  "memcached_pass",
  "scgi_pass",
  "uwsgi_pass",
]);

/**
 * Where Nginx may connect to, as `nginx -T` prints its files in its own guest: facts `targets`, a line `FILE:LINE DIRECTIVE
 * WRITTEN > ADDRESS:PORT, ...` for each directive that passes a request on; `$` in the target is left as it is written.
 */
export async function proxyTargets(
  { lab, edge }: ProbeContext,
  { id, from }: RecordProbe,
): Promise<ServiceObservation> {
  const { namespace, dump } = edge;
  const common = {
    kind: "record",
    id,
    from,
    to: `Nginx's files in ${namespace}`,
    request: "nginx -T",
  } as const;
  const { exitCode, stdout, stderr } = await execute(lab, namespace, dump);
  if (exitCode !== 0) {
    const reason = `nginx -T ends with ${exitCode}: ${stderr.trim().split("\n").at(-1) ?? ""}`;
    return { ...common, outcome: "unknown", answer: "no configuration", facts: {}, reason };
  }
  const targets = targetsOf(parseNginx(stdout));
  return { ...common, outcome: "answered", answer: `${targets.length} targets`, facts: { targets } };
}

/** Exported for its test. */
export function targetsOf(root: readonly Directive[]): string[] {
  // A file that `http` includes stands by itself in what `nginx -T` prints; `stream` has upstreams of its own.
  const streams = root.filter(({ name }) => name === "stream");
  const rest = root.filter(({ name }) => name !== "stream");
  return [rest, ...streams.map((stream) => [stream])].flatMap((sections) => {
    const all = within(sections);
    const upstreams = new Map(
      all
        .filter(({ name }) => name === "upstream")
        .map(({ args: [name = ""], block }) => [name, serversOf(block)]),
    );
    return all
      .filter(({ name }) => PASSES.has(name))
      .map(({ name, args: [written = ""], file, line }) => {
        const scheme = /^([a-z]+):\/\//.exec(written)?.[1] ?? "";
        const authority = written.replace(/^[a-z]+:\/\//, "").replace(/^(?!unix:)([^/]*).*$/, "$1");
        const servers = upstreams.get(authority) ?? [authority];
        const port = scheme === "https" || scheme === "grpcs" ? 443 : 80;
        const reached = servers.map((each) => (/:\d+$|^unix:|\$/.test(each) ? each : `${each}:${port}`));
        return `${file}:${line} ${name} ${written} > ${reached.join(", ")}`;
      });
  });
}

function serversOf(block: readonly Directive[]): string[] {
  return block.filter(({ name }) => name === "server").map(({ args: [address = ""] }) => address);
}

function within(directives: readonly Directive[]): Directive[] {
  return directives.flatMap((each) => [each, ...within(each.block)]);
}
