import { closeSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import type { Lab } from "./lab.ts";
import { AF_NETLINK, receive, SOCK_RAW, sendAll, socket } from "./libc.ts";
import { within } from "./namespace.ts";

const NETLINK_NETFILTER = 12;
/* linux/netlink.h, linux/netfilter/nfnetlink_conntrack.h: subsystem ctnetlink, message "delete". */
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;
const NLM_F_REQUEST_ACK = 1 | 4;
const NLMSG_ERROR = 2;
const HEADER_BYTES = 16;
const MESSAGE_BYTES = HEADER_BYTES + 4;

/**
 * Empties a namespace's connection table: a "delete" that names no flow deletes all of them. What conntrack(8) -F asks
 * for, without the program. Throws `lab-command`.
 */
export function flushConntrack(lab: Lab, namespace: string): void {
  const fd = within(lab, namespace, () => socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  try {
    sendAll(fd, [deleteAll()], [kernelAddress()]);
    // The kernel answers before sendmmsg(2) returns.
    const answer = Buffer.alloc(256);
    const length = receive(fd, answer);
    const isAnswer = length >= MESSAGE_BYTES && answer.readUInt16LE(4) === NLMSG_ERROR;
    const status = isAnswer ? answer.readInt32LE(HEADER_BYTES) : undefined;
    if (status === 0) return;
    const actual = status === undefined ? "none" : `error ${-status}`;
    throw new HarnessError("lab-command", { subject: "ctnetlink", expected: "an acknowledgement", actual });
  } finally {
    closeSync(fd);
  }
}

function deleteAll(): Buffer {
  const message = Buffer.alloc(MESSAGE_BYTES);
  message.writeUInt32LE(MESSAGE_BYTES, 0);
  message.writeUInt16LE(IPCTNL_MSG_CT_DELETE, 4);
  message.writeUInt16LE(NLM_F_REQUEST_ACK, 6);
  return message;
}

/** `struct sockaddr_nl` of the kernel, netlink(7). */
function kernelAddress(): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  return address;
}
