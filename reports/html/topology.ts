import type { Run } from "../../audit/run.ts";
import { flowList } from "../flows.ts";
import { counted } from "../text.ts";
import { edgesOf, type Edge } from "./edges.ts";
import { html, raw, type Html } from "./html.ts";
import type { Links } from "./links.ts";
import { table } from "./table.ts";
import { ZONES } from "./words.ts";

type Place = Run["places"][number];

interface Node {
  readonly place: Place;
  readonly x: number;
  readonly y: number;
}

/** Fixed tiers: column, and upper or lower half. */
const TIERS: Record<Place["zone"], { column: number; half: "upper" | "lower" | "both" }> = {
  outside: { column: 0, half: "upper" },
  lan: { column: 0, half: "lower" },
  edge: { column: 1, half: "upper" },
  host: { column: 1, half: "lower" },
  ingress: { column: 2, half: "upper" },
  ca: { column: 2, half: "lower" },
  backends: { column: 3, half: "both" },
};
const WIDTH = 150;
const HEIGHT = 44;
const COLUMN = 262;
const ROW = 62;
const MARGIN = 24;
const LANE = 14;
const LANES = 12;
const LABEL = 26;

/** Who reaches whom, drawn in fixed tiers, and the same edges as text. */
export function topology(run: Run, links: Links): Html {
  const edges = edgesOf(run);
  const rows = edges.map(
    (edge) =>
      html`<tr><td>${ends(edge.from, links)}</td><td>${links.placeName(edge.to)}</td><td class="mono">${flowList(edge.flows)}</td><td class="${edge.kind === "leak" && "fail"}">${KINDS[edge.kind]}</td></tr>`,
  );
  const details = html`<details class="more"><summary>The same ${counted(edges.length, "edge")} as text</summary>${table("Edges of the drawing", ["From", "To", "Flows", "Kind"], rows)}</details>`;
  return html`<section aria-labelledby="topology"><h2 id="topology">Topology</h2>
<p class="key"><span class="k-open">solid: declared and seen</span> <span class="k-standing">thin: open by Proxmox</span> <span class="k-leak">dashed: seen, not declared</span> <span class="k-broken">dotted: declared, not seen</span></p>
<div class="scroll" role="region" aria-label="Topology" tabindex="0">${drawing(run.places, edges)}</div>
${details}</section>`;
}

const KINDS: Record<Edge["kind"], string> = {
  open: "open as declared",
  standing: "open by Proxmox",
  leak: "leak: delivered, not declared",
  broken: "broken: declared, not delivered",
};

function ends(from: Edge["from"], links: Links): Html {
  if (from.kind === "inside") return html`every place inside (${from.ids.length})`;
  if (from.kind === "zone") return html`every backend (${from.ids.length})`;
  return links.placeName(from.ids[0] ?? "");
}

function drawing(places: readonly Place[], edges: readonly Edge[]): Html {
  const stubs = Map.groupBy(
    edges.filter((edge) => edge.from.kind === "inside"),
    (edge) => edge.to,
  );
  const drawn = edges.filter((edge) => edge.from.kind !== "inside");
  const rows = Math.max(0, ...[...stubs.values()].map((list) => list.length));
  const { nodes, height } = layout(places, rows, lanesOf(drawn, places));
  const at = new Map(nodes.map((node) => [node.place.id, node]));
  const labels = new Map<string, string[]>();
  const lanes = { upper: 0, lower: 0 };
  const lines = drawn.map((edge) => line(edge, at, height, lanes, labels));
  const arrows = [...stubs].map(([to, list]) => stub(at.get(to), list));
  const count = counted(edges.length, "edge");
  return html`<svg class="topology" viewBox="0 0 ${COLUMN * 3 + WIDTH + MARGIN * 2 + 70} ${height}" role="img" aria-labelledby="topology-title topology-desc"><title id="topology-title">Network by tiers, with ${count}</title><desc id="topology-desc">Outside and LAN on the left, then Nginx and the host, Traefik and the CA, and the backends on the right. The table below lists the same edges.</desc>
<defs>${(["open", "standing", "leak", "broken"] as const).map((kind) => html`<marker id="arrow-${kind}" class="arrow ${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.6 8 4 0 7.4Z"/></marker>`)}</defs>
${frame(nodes)}${nodes.map(box)}${lines}${arrows}</svg>`;
}

/** How many lanes the drawing needs; beyond LANES they are shared. */
function lanesOf(edges: readonly Edge[], places: readonly Place[]): number {
  const zones = new Map(places.map(({ id, zone }) => [id, zone]));
  const column = (id: string | undefined) => TIERS[zones.get(id ?? "") ?? "outside"].column;
  const long = edges.filter(({ from, to }) => Math.abs(column(from.ids[0]) - column(to)) > 1);
  return Math.min(LANES, long.length);
}

function layout(
  places: readonly Place[],
  stubRows: number,
  lanes: number,
): { nodes: Node[]; height: number } {
  const edge = 26 + stubRows * 15 + lanes * LANE;
  const tiers = Map.groupBy(places, ({ zone }) => zone);
  const size = (half: "upper" | "lower" | "both") =>
    Math.max(1, ...[...tiers].filter(([zone]) => TIERS[zone].half === half).map(([, list]) => list.length));
  const inner = Math.max((size("upper") + size("lower")) * ROW + 76, size("both") * ROW);
  const nodes = [...tiers].flatMap(([zone, list]) => {
    const { column, half } = TIERS[zone];
    const block = list.length * ROW;
    const top = half === "upper" ? 0 : half === "lower" ? inner - block : (inner - block) / 2;
    return list.map((place, index) => ({
      place,
      x: MARGIN + column * COLUMN,
      y: Math.round(edge + top + index * ROW + (ROW - HEIGHT) / 2),
    }));
  });
  return { nodes, height: Math.round(inner + edge * 2) };
}

function frame(nodes: readonly Node[]): Html | false {
  const members = nodes.filter(({ place }) => place.zone === "backends");
  const [first] = members;
  const last = members.at(-1);
  if (!first || !last || members.length < 2) return false;
  return html`<rect class="frame" x="${first.x - 14}" y="${first.y - 14}" width="${WIDTH + 28}" height="${last.y + HEIGHT - first.y + 28}" rx="10"/>`;
}

function box({ place, x, y }: Node): Html {
  const name = place.name === place.id ? "" : ` ${fit(place.name, 17 - place.id.length)}`;
  const zone = place.zone === "backends" ? "" : ZONES[place.zone].toUpperCase();
  return html`<g class="node"><rect x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="6"/><text x="${x + 10}" y="${y + 18}"><tspan class="strong">${fit(place.id, 18)}</tspan>${name}</text><text class="small" x="${x + 10}" y="${y + 34}">${fit(place.address, 22)}</text><text class="tier" x="${x + WIDTH}" y="${y - 6}">${zone}</text></g>`;
}

function line(
  edge: Edge,
  at: ReadonlyMap<string, Node>,
  height: number,
  lanes: { upper: number; lower: number },
  labels: Map<string, string[]>,
): Html {
  const to = at.get(edge.to);
  const from = edge.from.kind === "zone" ? centre(edge.from.ids, at) : at.get(edge.from.ids[0] ?? "");
  if (!from || !to) return html``;
  const route = routeOf(from, to, height, lanes);
  const text = flowList(edge.flows);
  const here = `${route.x},${route.y}`;
  const others = labels.get(here) ?? [];
  if (!others.includes(text)) labels.set(here, [...others, text]);
  const y = route.y - others.length * 12;
  const label =
    !others.includes(text) &&
    html`<text class="flow ${edge.kind} ${route.anchor}" x="${route.x}" y="${y}">${fit(text, LABEL)}</text>`;
  return html`<path class="edge ${edge.kind}" d="${raw(route.path)}" marker-end="url(#arrow-${edge.kind})"/>${label}`;
}

/** A group's edge starts in the middle of its frame. */
function centre(ids: readonly string[], at: ReadonlyMap<string, Node>): Node | undefined {
  const members = ids.flatMap((id) => at.get(id) ?? []);
  const [first] = members;
  const last = members.at(-1);
  return first && last && { place: first.place, x: first.x - 14, y: Math.round((first.y + last.y) / 2) };
}

interface Route {
  readonly path: string;
  readonly x: number;
  readonly y: number;
  /** Class of the label: where its text is anchored. */
  readonly anchor: "start" | "middle" | "end";
}

function routeOf(from: Node, to: Node, height: number, lanes: { upper: number; lower: number }): Route {
  const steps = Math.round((to.x - from.x) / COLUMN);
  const middle = (node: Node) => node.y + HEIGHT / 2;
  if (steps === 0) return from.x > COLUMN * 2.5 ? bulge(from, to) : vertical(from, to);
  if (Math.abs(steps) > 1) return lane(from, to, height, lanes);
  const back = steps < 0;
  const x1 = back ? from.x : from.x + WIDTH;
  const x2 = back ? to.x + WIDTH + 2 : to.x - 2;
  const y1 = middle(from) + (back ? 10 : 0);
  const y2 = middle(to) + (back ? 10 : 0);
  const flat = x2 + (back ? 66 : -66);
  return {
    path: `M${x1} ${y1}C${(x1 * 2 + flat) / 3} ${y1} ${x1} ${y2} ${flat} ${y2}H${x2}`,
    x: back ? x2 + 10 : x2 - 10,
    y: y2 - 6,
    anchor: back ? "start" : "end",
  };
}

function vertical(from: Node, to: Node): Route {
  const down = to.y > from.y;
  const x = from.x + WIDTH / 2 + (down ? -14 : 14);
  const y1 = down ? from.y + HEIGHT : from.y;
  const y2 = down ? to.y - 2 : to.y + HEIGHT + 2;
  return {
    path: `M${x} ${y1}V${y2}`,
    x: x + (down ? -7 : 7),
    y: (y1 + y2) / 2 + 4,
    anchor: down ? "end" : "start",
  };
}

function bulge(from: Node, to: Node): Route {
  const x = from.x + WIDTH;
  const y1 = from.y + HEIGHT / 2 + 8;
  const y2 = to.y + HEIGHT / 2 - 8;
  return {
    path: `M${x} ${y1}C${x + 20} ${y1} ${x + 20} ${y2} ${x + 2} ${y2}`,
    x: x - 4,
    y: y2 - 16,
    anchor: "end",
  };
}

/** Past the columns between: along the upper or lower edge of the drawing, a lane each; to a backend from its right. */
function lane(from: Node, to: Node, height: number, lanes: { upper: number; lower: number }): Route {
  const upper = from.y < height / 2 - HEIGHT / 2;
  const index = (upper ? lanes.upper++ : lanes.lower++) % LANES;
  const y = upper ? 10 + index * LANE : height - 10 - index * LANE;
  const x1 = from.x + 7;
  const y1 = upper ? from.y : from.y + HEIGHT;
  const forth = to.x > from.x && to.x < COLUMN * 2.5;
  const gutter = forth ? to.x - 40 - index * 6 : to.x + WIDTH + 26 + index * 5;
  const x2 = forth ? to.x - 2 : to.x + WIDTH + 2;
  const y2 = to.y + HEIGHT / 2 + (upper ? -8 : 8);
  return {
    path: `M${x1} ${y1}V${y}H${gutter}V${y2}H${x2}`,
    x: (x1 + gutter) / 2 + index * 60 - 60,
    y: y + 4,
    anchor: "middle",
  };
}

/** `every place inside`: a short arrow from the nearer edge, with its flows beside it. */
function stub(to: Node | undefined, edges: readonly Edge[]): Html {
  if (!to) return html``;
  const lower = TIERS[to.place.zone].half === "lower";
  return html`${edges.map((edge, index) => {
    const x = to.x + 16 + index * 12;
    const length = 24 + (edges.length - 1 - index) * 15;
    const start = lower ? to.y + HEIGHT + length : to.y - length;
    const end = lower ? to.y + HEIGHT + 2 : to.y - 2;
    return html`<path class="edge ${edge.kind}" d="M${x} ${start}V${end}" marker-end="url(#arrow-${edge.kind})"/><text class="flow ${edge.kind} start" x="${x + 6}" y="${lower ? start : start + 6}">inside: ${fit(flowList(edge.flows), 24)}</text>`;
  })}`;
}

function fit(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}
