import assert from "node:assert/strict";
import { test } from "node:test";
import { targetOf } from "./sweep-trace.ts";

test("a rule's target is its last -j outside of what is quoted", () => {
  const targets: [rule: string, target: string | undefined][] = [
    ["-j DROP", "DROP"],
    ["-p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset", "REJECT"],
    ['-m comment --comment "was -j DROP before" -j ACCEPT', "ACCEPT"],
    ['-m comment --comment "so \\"called\\" -j DROP" -j veth1-IN', "veth1-IN"],
    ["-m comment --comment -j -j RETURN", "RETURN"],
    ['-j NFLOG --nflog-prefix ":0:6:x: DROP: -j DROP "', "NFLOG"],
    ["-p tcp -j DROP-log", "DROP-log"],
    ['-m comment --comment "-j DROP"', undefined],
    ["-g PVEFW-Drop", undefined],
  ];
  for (const [rule, target] of targets) assert.equal(targetOf(rule), target, rule);
});
