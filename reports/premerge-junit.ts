import type { Premerge, VerifiedControl } from "../audit/premerge.ts";
import type { ShownChange } from "../audit/twice/shown.ts";
import { type JunitCase, renderJunit } from "./junit.ts";

/** A case for each control of HEAD's run, and for each change that packets were to show. Out of scope is skipped. */
export function renderPremergeJunit({ startedAt, controls, shown }: Premerge): string {
  return renderJunit([
    { name: "HEAD's controls", startedAt, cases: controls.map(controlCase) },
    { name: "the change, shown on BASE and on HEAD", startedAt, cases: shown.map(changeCase) },
  ]);
}

function controlCase({ id, title, result, summary, waived, durationMs }: VerifiedControl): JunitCase {
  const [family = id] = id.split("-");
  const common = {
    name: `${id} ${title}`,
    classname: family,
    ...(durationMs !== undefined && { durationMs }),
  };
  switch (result) {
    case "pass":
      return common;
    case "fail":
      return waived
        ? { ...common, trouble: { kind: "skipped", message: `failed, and waived on BASE: ${summary}` } }
        : { ...common, trouble: { kind: "failure", message: summary } };
    case "notapplicable":
      return { ...common, trouble: { kind: "skipped", message: summary } };
    case "inconclusive":
    case "error":
    case "notrun":
      return { ...common, trouble: { kind: "error", message: `${result}: ${summary}` } };
  }
}

const KINDS: Readonly<Record<ShownChange["kind"], string>> = {
  allowed: "newly allowed",
  denied: "newly denied",
  answer: "refused otherwise",
  responder: "answered by another guest",
};

function changeCase({ kind, way, flows, approved, result, pairs, untested }: ShownChange): JunitCase {
  const name = `${KINDS[kind]}: ${way}: ${flows.join("; ")}`;
  const common = { name, classname: `change.${KINDS[kind].replaceAll(" ", "-")}` };
  const sides = pairs.flatMap(({ base, head }) => [base, head]);
  const reason = sides.find((side) => side.result === result)?.reason ?? untested.join("; ");
  if (result === "refuted") return { ...common, trouble: { kind: "failure", message: `refuted: ${reason}` } };
  if (kind === "allowed" && !approved)
    return { ...common, trouble: { kind: "failure", message: "nobody approved it on BASE" } };
  if (result === "untold") return { ...common, trouble: { kind: "error", message: `untold: ${reason}` } };
  return common;
}
