import type { Decider } from "../flow.ts";

/** What to do about a line that lets in too much, where no patch is offered. */
export function remedyFor({ kind }: Decider): string {
  switch (kind) {
    case "rule":
      return NARROW;
    case "policy":
      return SET_POLICY;
    case "unfiltered":
      return SWITCH_ON;
    case "standing":
    case "builtin":
    case "gateway":
      return "No file can stop it: keep it from the internet before it reaches the node.";
  }
}

const NARROW = "Narrow the rule to those who need it, or remove it.";
export const SET_POLICY = "Set the default policy to DROP.";
export const SWITCH_ON = "Give it a firewall section that is enabled.";
