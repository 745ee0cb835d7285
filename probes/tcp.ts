import type { Lab } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ServiceObservation } from "./observation.ts";
import type { TcpProbe } from "./probe.ts";

/** Whether somebody listens: a connection by the sender's own stack. No answer within the bound is `silent`. */
export function observeTcp(lab: Lab, probe: TcpProbe): Promise<ServiceObservation> {
  const { id, from, address, port, to: place } = probe;
  return new Promise((resolve) => {
    const socket = connectTcp(lab, from, address, port);
    const end = (outcome: ServiceObservation["outcome"], answer: string) => {
      clearTimeout(timer);
      socket.destroy();
      const request = `TCP connection to ${address}:${port}`;
      const facts = { connected: answer === "connected", place, port };
      resolve({ kind: "tcp", id, from, to: `${address}:${port}`, request, outcome, answer, facts });
    };
    const timer = setTimeout(() => end("silent", `no answer within ${BOUND.connectMs} ms`), BOUND.connectMs);
    socket.on("connect", () => end("answered", "connected"));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ETIMEDOUT" ? "silent" : "answered", `refused: ${error.code ?? error.message}`),
    );
  });
}
