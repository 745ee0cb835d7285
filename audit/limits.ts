import type { Run } from "./run.ts";

/** Where the lab is not the node, and which controls each point touches: stated in every report. */
export const LIMITS: Run["limits"] = [
  {
    text: "Step-CA resolves through a DNS view of its own, in which each name that Traefik certifies is Traefik's address; a node without such a view can't validate by TLS-ALPN-01.",
    controls: ["PKI-001", "DNS-002"],
  },
  {
    text: "The public DNS server, the internet user and the upstream resolvers are the lab's own, beyond the lab's gateway.",
    controls: ["DNS-001", "DNS-003", "DNS-004", "DNS-005"],
  },
  {
    text: "The gateway's strict reverse path filter is assumed of the real gateway: no file declares it.",
    controls: ["EDGE-002"],
  },
  {
    text: "The public CA is a throwaway one, made by the run: the chain is verified, the issuing is not.",
    controls: ["EDGE-003"],
  },
  {
    text: "Backends are identity servers on the declared ports: what the real services answer is not judged.",
    controls: ["RTE-002", "SEG-002", "SEG-003"],
  },
  {
    text: "The rules run on this machine's kernel, not on the node's.",
    controls: ["FW-001", "FW-002", "SEG-001"],
  },
  {
    text: "BIND answers for the node's DNS, whatever the node itself runs.",
    controls: ["DNS-001", "DNS-002", "DNS-003", "DNS-004", "DNS-005"],
  },
  {
    text: "Inside the subnet a source address can be forged (Proxmox's ipfilter is off by default): sources are judged by their own addresses.",
    controls: ["SEG-001", "SEG-003", "RTE-001", "PKI-004"],
  },
  {
    text: "Proxmox's standing accepts are open whatever the files say; they are listed, and fail only where the internet reaches them.",
    controls: ["FW-001", "SEG-001"],
  },
];
