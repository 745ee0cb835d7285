import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOfGuest, parseNics } from "./nic.ts";

const MACHINE = { guestId: "1001", kind: "vm" } as const;
const CONTAINER = { guestId: "101", kind: "lxc" } as const;

test("a VM's NICs, by index; the last of two lines counts; snapshots are no part of it", () => {
  const text = [
    "# net3: virtio=52:54:00:10:00:09,bridge=vmbr9",
    "name: web",
    "net1: model=e1000,macaddr=52:54:00:10:00:02,bridge=vmbr1,tag=20",
    "net0: virtio=52:54:00:10:00:AA,bridge=vmbr9",
    "net0: virtio=52:54:00:10:00:AB,bridge=vmbr0,firewall=1,queues=4\r",
    "[before]",
    "net2: virtio=52:54:00:10:00:03,bridge=vmbr0",
  ].join("\n");
  const { nics, ignored } = parseNics(MACHINE, text, "1001.conf");
  assert.deepEqual(ignored, []);
  assert.deepEqual(
    nics.map(({ place, tap, mac, bridge, flagged }) => ({ place, tap, mac, bridge, flagged })),
    [
      { place: "1001", tap: "tap1001i0", mac: "52:54:00:10:00:ab", bridge: "vmbr0", flagged: true },
      { place: "1001i1", tap: "tap1001i1", mac: "52:54:00:10:00:02", bridge: "vmbr1v20", flagged: false },
    ],
  );
  assert.deepEqual(nics[0]?.position, { file: "1001.conf", line: 5, column: 1, pointer: "net0" });
});

test("a container's static addresses; dhcp, auto and manual are none", () => {
  const line = (rest: string) => `net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:67:89:B3,${rest}`;
  const read = (rest: string) => parseNics(CONTAINER, line(rest), "101.conf").nics[0];
  const nic = read("ip=10.0.0.153/24,ip6=2001:db8::1/64,gw=10.0.0.1,firewall=1,type=veth");
  assert.deepEqual(nic?.addresses, ["10.0.0.153", "2001:db8::1"]);
  assert.equal(nic?.tap, "veth101i0");
  assert.equal(nic?.flagged, true);
  assert.deepEqual(read("ip=dhcp,ip6=auto")?.addresses, []);
  assert.deepEqual(read("ip=manual,firewall=0")?.flagged, false);
});

test("a NIC without MAC or bridge, and a line beyond measure, are told", () => {
  const text =
    "net0: virtio,bridge=vmbr0\nnet1: virtio=52:54:00:10:00:01\nnet2: virtio=52:54:00:10:00:02,bridge=\nnet4: virtio=53:54:00:10:00:02,bridge=vmbr0";
  const { nics, ignored } = parseNics(MACHINE, `${text}\nnet3: ${",".repeat(70_000)}`, "1001.conf");
  assert.deepEqual(nics, []);
  assert.deepEqual(
    ignored.map(({ reason, position }) => `${position.line} ${reason.split(":")[0]}`),
    [
      "1 no MAC address in MODEL=",
      "2 no bridge",
      "3 no bridge",
      "4 no MAC address in MODEL=",
      "5 a line of more than 65536 characters",
    ],
  );
  assert.match(parseNics(CONTAINER, "net0: name=eth0,bridge=vmbr0", "f").ignored[0]?.reason ?? "", /hwaddr=/);
});

test("only a container has a root filesystem, or a name and hwaddr on its NIC", () => {
  assert.equal(kindOfGuest("arch: amd64\nrootfs: local:101"), "lxc");
  assert.equal(kindOfGuest("net0: name=eth0,bridge=vmbr0"), "lxc");
  assert.equal(kindOfGuest("name: x\nnet0: virtio=52:54:00:10:00:01,bridge=vmbr0\n[s]\nrootfs: x"), "vm");
});
