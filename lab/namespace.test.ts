import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { after, before, test } from "node:test";
import { labProcess } from "../fixtures/lab-process.ts";
import { boundTcp, labName } from "../fixtures/network-lab.ts";
import { createLab, destroyLab, type OwnedLab, outside } from "./lab.ts";
import { within } from "./namespace.ts";
import { createNamespaces, differingSysctl, interfaces, removeNamespaces, writeSysctls } from "./network.ts";
import { run } from "./process.ts";

const HOME = readlinkSync("/proc/thread-self/ns/net");
const here = () => readlinkSync("/proc/thread-self/ns/net");

let owned: OwnedLab;
before(async () => {
  owned = await createLab(labName());
  await createNamespaces(owned.lab, ["a", "b"]);
});
after(() => owned[Symbol.asyncDispose]());

test("inside is another namespace, afterwards the own one again, also after an error", () => {
  const places = ["a", "b"].map((name) => within(owned.lab, name, here));
  assert.equal(new Set([...places, HOME]).size, 3);
  assert.equal(here(), HOME);
  const failing = () => {
    throw new RangeError("inside");
  };
  assert.throws(() => within(owned.lab, "a", failing), RangeError);
  assert.equal(here(), HOME);
  assert.throws(() => within(owned.lab, "nowhere", here), /a namespace nowhere, found none\..*\[lab-gone\]/);
  assert.equal(here(), HOME);
});

test("a namespace that was made anew under its name is the one that is entered", async () => {
  const first = within(owned.lab, "a", here);
  await removeNamespaces(owned.lab, ["a"]);
  await createNamespaces(owned.lab, ["a"]);
  await run(owned.lab, "a", ["ip", "link", "add", "new0", "type", "bridge"]);
  assert.notEqual(within(owned.lab, "a", here), first);
  assert.ok(interfaces(owned.lab, "a").has("new0"));
});

test("a setting goes to its namespace and nowhere else", () => {
  const path = "net/ipv4/ip_forward";
  const read = () => readFileSync(`/proc/sys/${path}`, "utf8").trim();
  const root = read();
  const [other] = ["0", "1"].filter((value) => value !== root);
  const before = within(owned.lab, "b", read);
  writeSysctls(owned.lab, "a", { [path]: other ?? "" });
  assert.equal(within(owned.lab, "a", read), other);
  assert.equal(within(owned.lab, "b", read), before);
  assert.equal(read(), root);
  assert.equal(differingSysctl(owned.lab, "a", { [path]: other ?? "" }), undefined);
  assert.equal(differingSysctl(owned.lab, "a", { [path]: root }), `${path} = ${other}`);
});

test("a socket stays in the namespace in which it was made, and no other sees it", () => {
  const sockets = (name: string) =>
    within(owned.lab, name, () => readFileSync("/proc/thread-self/net/tcp", "utf8"));
  const inode = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`);
  const fd = boundTcp(owned.lab, "b", "0.0.0.0", 4711);
  const again = boundTcp(owned.lab, "a", "0.0.0.0", 4711);
  assert.notEqual(inode(fd), inode(again));
  assert.doesNotMatch(readFileSync("/proc/thread-self/net/tcp", "utf8"), /:1267 /);
  assert.equal(sockets("a").split("\n").length, 2, "bound is not listening");
  closeSync(fd);
  closeSync(again);
});

test("one who holds a namespace open keeps no lab alive and is no obstacle to its end", async () => {
  const own = await createLab(labName());
  await createNamespaces(own.lab, ["a"]);
  const fd = openSync(outside(own.lab, "/run/netns/a"), "r");
  const program = labProcess(`
    const { openSync } = await import("node:fs");
    openSync("${outside(own.lab, "/run/netns/a")}", "r");
    console.log("holds"); setInterval(() => {}, 1e6);`);
  await program.until("holds");
  await destroyLab(own.lab);
  assert.throws(() => within(own.lab, "a", here), /\[lab-gone\]/);
  await using again = await createLab(own.lab.name);
  await createNamespaces(again.lab, ["a"]);
  assert.notEqual(`net:[${readlinkSync(`/proc/self/fd/${fd}`)}]`, within(again.lab, "a", here));
  closeSync(fd);
  program.child.kill("SIGKILL");
  await program.leavesNone();
});
