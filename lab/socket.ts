import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { Socket } from "node:net";
import type { Lab } from "./lab.ts";
import { AF_INET, bindInet, reuseAddress, SOCK_DGRAM, SOCK_STREAM, socket } from "./libc.ts";
import { within } from "./namespace.ts";

/** A TCP connection from a namespace of the lab, under way; `source` binds it to one of that namespace's addresses. */
export function connectTcp(lab: Lab, namespace: string, host: string, port: number, source?: string): Socket {
  const fd = within(lab, namespace, () => {
    const made = socket(AF_INET, SOCK_STREAM, 0);
    if (source !== undefined) bindInet(made, source, 0);
    return made;
  });
  return new Socket({ fd }).connect(port, host);
}

/** Descriptor of a TCP socket bound in a namespace: `server.listen({ fd })` listens on it. */
export function boundTcp(lab: Lab, namespace: string, address: string, port: number): number {
  return within(lab, namespace, () => {
    const fd = socket(AF_INET, SOCK_STREAM, 0);
    reuseAddress(fd);
    bindInet(fd, address, port);
    return fd;
  });
}

/** A UDP socket in a namespace of the lab; `port` is its own, left out: one that the kernel gives. */
export function openUdp(lab: Lab, namespace: string, port = 0): UdpSocket {
  const fd = within(lab, namespace, () => {
    const made = socket(AF_INET, SOCK_DGRAM, 0);
    bindInet(made, "0.0.0.0", port);
    return made;
  });
  const udp = createSocket("udp4");
  udp.bind({ fd });
  return udp;
}
