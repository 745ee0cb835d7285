import assert from "node:assert/strict";
import { test } from "node:test";
import { CLEAR, clusterText, compiled, guestText, hooked, linesOf, MARKED } from "../fixtures/compiled.ts";

const FROM_LAN = "-m set --match-set PVEFW-0-lan-v4 src";

test("a group's use: a jump, then the question for its mark; its chains accept by mark", () => {
  const group = "[IPSET lan]\n10.0.0.0/8\n[group ga]\nIN ACCEPT -source +lan\nOUT REJECT -p tcp -dport 25";
  const { iptables } = compiled({
    "cluster.fw": clusterText(`${group}\n[RULES]\nGROUP ga -i vmbr0`),
    "101.fw": guestText("GROUP ga\nGROUP ga -i net1"),
  });
  const use = ["-j GROUP-ga-IN", `${MARKED} -j ACCEPT`];
  assert.deepEqual(linesOf(iptables, "tap101i0-IN").slice(2, 4), use);
  assert.deepEqual(linesOf(iptables, "tap101i0-IN").slice(4), ["-j PVEFW-Drop", "-j DROP"]);
  assert.deepEqual(linesOf(iptables, "tap101i0-OUT").slice(4, 6), ["-j GROUP-ga-OUT", `${MARKED} -j RETURN`]);
  const [jump = -1, question] = ["-i vmbr0 -j GROUP-ga-IN", `${MARKED} -j RETURN`].map((line) =>
    linesOf(iptables, "PVEFW-HOST-IN").indexOf(line),
  );
  assert.equal(question, jump + 1, "trap 2: the question has no interface");
  assert.deepEqual(linesOf(iptables, "GROUP-ga-IN"), [CLEAR, `${FROM_LAN} -g PVEFW-SET-ACCEPT-MARK`]);
  assert.deepEqual(linesOf(iptables, "GROUP-ga-OUT"), [CLEAR, "-p tcp --dport 25 -j PVEFW-reject"]);
});

const BROKEN =
  "[IPSET lan]\n10.0.0.0/8\n[group ga]\nIN ACCEPT -p tcp -dport 80\nIN DROP -source +guest/lan\nIN DROP";

test("trap 1: a group that can't be written leaves its first user open, later ones without an OUT chain", () => {
  const users = {
    "100.fw": guestText("GROUP ga"),
    "101.fw": guestText("GROUP ga"),
    "200.fw": guestText("GROUP ga"),
  };
  const { iptables, ip6tables } = compiled({ "cluster.fw": clusterText(BROKEN), ...users });
  for (const text of [iptables, ip6tables]) {
    assert.deepEqual(hooked(text, "IN"), ["tap101i0", "veth200i0"], "VMs before containers, 100 before 101");
    assert.deepEqual(hooked(text, "OUT"), []);
    assert.deepEqual(linesOf(text, "GROUP-ga-IN"), [CLEAR, "-p tcp --dport 80 -g PVEFW-SET-ACCEPT-MARK"]);
    assert.doesNotMatch(text, /^:GROUP-ga-OUT/m);
  }
});

test("trap 1: only the first NIC of an open guest is begun, and a family can fail alone", () => {
  const ofFour = clusterText("[group ga]\nIN DROP -p icmp -dport 300");
  const { iptables, ip6tables } = compiled({ "cluster.fw": ofFour, "100.fw": guestText("GROUP ga") });
  assert.deepEqual(iptables.match(/^:tap\S+/gm), [":tap100i0-IN"]);
  assert.deepEqual(hooked(ip6tables, "IN"), ["tap100i0", "tap100i1", "tap100i2"]);
});

test("trap 1: where the host used the group first, it loses that rule, and guests keep IN", () => {
  const { iptables } = compiled({
    "cluster.fw": clusterText(`${BROKEN}\n[RULES]\nGROUP ga\nIN ACCEPT`),
    "101.fw": guestText("GROUP ga"),
  });
  assert.deepEqual(hooked(iptables, "IN"), ["tap101i0"]);
  assert.deepEqual(hooked(iptables, "OUT"), []);
  assert.ok(linesOf(iptables, "PVEFW-HOST-IN").includes("-j RETURN"), "the rule after the group");
  assert.doesNotMatch(iptables, /HOST-(IN|OUT) .*GROUP/);
});

test("trap 1: a group's name of 19 characters fails after IN, of 20 with it; outside a group a rule is lost alone", () => {
  const uses = (rule: string) =>
    compiled({ "cluster.fw": clusterText("[IPSET lan]"), "101.fw": guestText(rule) }).iptables;
  const [nineteen, twenty] = ["GROUP a234567890123456789", "GROUP a2345678901234567890"].map(uses);
  assert.match(nineteen ?? "", /^:GROUP-a234567890123456789-IN/m);
  assert.doesNotMatch(twenty ?? "", /GROUP/);
  for (const text of [nineteen, twenty]) assert.deepEqual(hooked(text ?? "", "IN"), []);
  assert.deepEqual(linesOf(uses("IN ACCEPT -source +guest/lan\nIN ACCEPT -p 6"), "tap101i0-IN").slice(2), [
    "-p 6 -j ACCEPT",
    "-j PVEFW-Drop",
    "-j DROP",
  ]);
});
