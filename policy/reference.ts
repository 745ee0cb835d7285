import type { Guest, Host, Note } from "./estate.ts";
import { at, type Declaration, type PhoenixFiles, whyLeftOut } from "./files.ts";
import { networkOf } from "./guest.ts";
import { inconsistent } from "./note.ts";
import { positionOf } from "./source.ts";

/** Where one file names what another does not have: guests, templates, Portainer's VM (CFG-001). */
export function referenceNotes(files: PhoenixFiles, declarations: readonly Declaration[]): Note[] {
  const ids = new Map(declarations.map((guest) => [guest.id, guest]));
  return [
    ...declarations.flatMap((guest) => missingReferences(guest, ids)),
    ...declarations.flatMap(disagreeingPorts),
    ...portainerNotes(files, declarations),
    ...hostFirewallNotes(files),
  ];
}

/** Where a guest's network differs from the host's, and names or MACs that two guests share. */
export function networkNotes(host: Host, guests: readonly Guest[]): Note[] {
  return [
    ...guests.flatMap((guest) => subnetNotes(guest, host)),
    ...shared(guests, "name", (guest) => guest.name.toLowerCase()),
    ...shared(guests, "MAC", (guest) => guest.mac),
  ];
}

function missingReferences(guest: Declaration, ids: ReadonlyMap<string, Declaration>): Note[] {
  const { value } = guest;
  const title = `${guest.id} ${value.name}`;
  const references = (value.dependencies ?? []).map((id, index) => {
    const position = at(guest, "dependencies", index);
    return { id, kind: undefined, verb: "depends on", position, change: { kind: "remove" } as const };
  });
  const source =
    guest.kind === "lxc"
      ? { id: guest.value.clone_from_ctid, kind: "lxc", key: "clone_from_ctid" }
      : { id: guest.value.clone_from_vmid, kind: "vm", key: "clone_from_vmid" };
  const clone = {
    id: source.id ?? "",
    kind: source.kind,
    verb: "is cloned from",
    position: at(guest, source.key),
    change: undefined,
  };
  return [...references, ...(source.id === undefined ? [] : [clone])]
    .filter(({ id, kind }) => id === guest.id || !ids.has(id) || (kind && ids.get(id)?.kind !== kind))
    .map(({ id, verb, position, change }) => {
      const message = `${title} ${verb} ${id}, which ${id === guest.id ? "is itself" : "no file declares"}`;
      const remedy = `Name a guest that exists${change ? ", or none" : ""}.`;
      return inconsistent(position, message, remedy, change);
    });
}

function disagreeingPorts(guest: Declaration): Note[] {
  const { traefik_service: service, ports, name } = guest.value;
  if (!service || !ports || ports.includes(service.port)) return [];
  const message = `${guest.id} ${name}: traefik_service has port ${service.port}, ports have ${ports.join(", ")}`;
  return [inconsistent(at(guest, "traefik_service", "port"), message, "Give one port in both places.")];
}

function portainerNotes({ host }: PhoenixFiles, declarations: readonly Declaration[]): Note[] {
  const { network, portainer_api } = host.value;
  const [primary, second] = declarations.filter(
    (guest) => guest.kind === "vm" && guest.value.portainer_role === "primary" && !whyLeftOut(guest),
  );
  const notes: Note[] = [];
  const [address] = primary?.value.network_config?.ip.split("/") ?? [];
  const declared = network.portainer_server_ip;
  if (declared && address && declared !== address) {
    const message = `portainer_server_ip is ${declared}, but the primary, ${primary?.id}, has ${address}`;
    const position = positionOf(host.source, ["network", "portainer_server_ip"]);
    notes.push(inconsistent(position, message, "Give one address in both places."));
  }
  if (portainer_api?.portainer_hostname && !primary) {
    const position = positionOf(host.source, ["portainer_api", "portainer_hostname"]);
    notes.push(
      inconsistent(position, "no VM has portainer_role primary", "Give the role to the VM that serves it."),
    );
  }
  if (second) {
    const message = `${second.id} and ${primary?.id} both have portainer_role primary`;
    notes.push(inconsistent(at(second, "portainer_role"), message, "Leave the role with one VM."));
  }
  return notes;
}

function hostFirewallNotes({ host: { source, value } }: PhoenixFiles): Note[] {
  if (value.firewall ?? value.shared_volumes?.firewall) return [];
  const message = "no global firewall is declared, so the host's is off";
  return [inconsistent(positionOf(source, []), message, "Add a section firewall.")];
}

function subnetNotes(guest: Guest, host: Host): Note[] {
  const notes: Note[] = [];
  const position = guest.position;
  const network = networkOf(`${guest.address}/${guest.prefixLength}`);
  const title = `${guest.id} ${guest.name}`;
  if (network !== host.subnet) {
    const message = `${title} has ${guest.address}/${guest.prefixLength}, the network ${network}, not ${host.subnet}`;
    notes.push(inconsistent(position, message, "Give it the declared subnet's prefix."));
  }
  if (guest.gateway !== undefined && guest.gateway !== host.gateway) {
    const message = `${title} has gateway ${guest.gateway}, the host ${host.gateway}`;
    notes.push(inconsistent(position, message, "Give one gateway in both places."));
  }
  return notes;
}

function shared(guests: readonly Guest[], what: string, keyOf: (guest: Guest) => string): Note[] {
  const first = new Map<string, Guest>();
  return guests.flatMap((guest) => {
    const key = keyOf(guest);
    const earlier = first.get(key);
    first.set(key, earlier ?? guest);
    if (!earlier) return [];
    const message = `${guest.id} and ${earlier.id} share the ${what} ${key}`;
    return [inconsistent(guest.position, message, `Give each guest a ${what} of its own.`)];
  });
}
