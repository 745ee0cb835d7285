import { AWKWARD, type Samples } from "./mutate.ts";

/** The least that is an estate, with a value of each kind; each entry on a line of its own. */
export const SMALL_ESTATE = {
  host: `{
 "hostname": "pve", "domain_name": "phoenix.thinkheads.ai",
 "network": {"interfaces": {"name": "vmbr0", "address": "10.0.0.13/24", "gateway": "10.0.0.1"},
  "default_subnet": "10.0.0.0/24"},
 "step_ca": {"dns_name": "ca.internal.thinkheads.ai", "port": 9000, "provisioner_name": "acme"},
 "firewall": {"enabled": true, "default_input_policy": "DROP",
  "global_firewall_rules": [
   {"type": "in", "action": "ACCEPT", "proto": "udp", "source": "10.0.0.0/24", "dest": "10.0.0.13", "port": "53"},
   {"type": "out", "action": "REJECT", "proto": "icmp", "icmp_type": "echo-request", "enable": 0, "log": "info"}
  ]},
 "dns_server": {"enabled": true, "upstream_servers": ["9.9.9.9"],
  "authoritative_zones": [
   {"zone_name": "phoenix.thinkheads.ai", "records": [
    {"hostname": "grafana", "ip_external": "10.0.0.153", "ip_internal": "10.0.0.12"}]},
   {"zone_name": "internal.thinkheads.ai", "records": []}]},
 "portainer_api": {"admin_user": "admin", "admin_password": "none", "portainer_hostname": "portainer"}
}
`,
  lxc: `{"lxc_configs": {
 "101": {"name": "Nginx-Phoenix", "features": ["nginx"], "network_config": {"ip": "10.0.0.153/24", "gw": "10.0.0.1"},
  "firewall": {"enabled": true, "rules": [{"type": "in", "action": "ACCEPT", "proto": "tcp", "port": "80,443"}]}},
 "102": {"name": "Traefik-Internal", "features": ["traefik"], "network_config": {"ip": "10.0.0.12/24"},
  "firewall": {"enabled": true, "rules": [{"type": "in", "action": "ACCEPT", "macro": "HTTPS", "iface": "net0"}]}},
 "103": {"name": "Step-CA", "features": ["step_ca"], "network_config": {"ip": "10.0.0.10/24"}},
 "801": {"name": "grafana", "mac_address": "52:54:00:67:89:b3", "ports": ["3000:3000"], "dependencies": [103],
  "traefik_service": {"name": "grafana", "port": 3000}, "is_template": false,
  "dns_records": [{"hostname": "g.internal.thinkheads.ai", "ip": "10.0.0.141"}],
  "network_config": {"ip": "10.0.0.141/24", "nameservers": "10.0.0.13 9.9.9.9"}}
}}
`,
  vm: `{"vm_defaults": {"network_bridge": "vmbr0"}, "vms": [
 {"vmid": 1001, "name": "portainer", "portainer_role": "primary", "network_config": {"ip": "10.0.0.101/24"}},
 {"vmid": 1002, "name": "agent", "network_config": {"ip": "dhcp"}, "docker_stacks": ["app", {"name": "app"}]}
]}
`,
  stacks: `{"docker_stacks": {"app": {"environments": {"production": {
 "variables": [{"name": "DB_PASSWORD", "value": "none"}],
 "services": {"web": {"traefik_labels": [
  "traefik.enable=true",
  "traefik.http.routers.web.rule=Host(\`app.internal.thinkheads.ai\`)",
  "traefik.http.services.web.loadbalancer.server.port=8080"]}}}}}}}
`,
} as const;

/** Words of the Phoenix files, and values that are nearly right. */
export const JSON_WORDS: Samples = [
  "firewall",
  "rules",
  "network_config",
  "lxc_configs",
  "vms",
  "authoritative_zones",
  "shared_volumes",
  "traefik_service",
  "docker_stacks",
  "is_template",
  "dhcp",
  "10.0.0.13",
  "10.0.0.13/24",
  "10.0.0.256/33",
  "fe80::1%eth0",
  "::/0",
  "1.2.3.4-1.2.3.3",
  "+management",
  "dc/web",
  "80:22",
  "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
  "icmp",
  "echo-request",
  "nginx",
  "traefik",
  "step_ca",
  "*.internal.thinkheads.ai",
  "a..b",
  "999999999",
  "52:54:00:67:89:B3",
  "api_key",
  "null",
  "{}",
  "[]",
  ...AWKWARD,
];

const CLUSTER = `[OPTIONS]
enable: 1
policy_in: REJECT
log_ratelimit: enable=1,rate=5/second,burst=10

[ALIASES]
web 10.0.0.153 # the gateway
Lan 10.0.0.0/24
six 2001:db8::/64

[IPSET management]
10.0.0.50
dc/web
!10.0.0.51 # not this one

[IPSET blacklist]
203.0.113.0/24
2001:db8:bad::/48

[group webserver]
IN HTTP(ACCEPT) -source +management
|IN ACCEPT -p tcp -dport 80,443,8000:8080 -log info
OUT DROP -p icmp -icmp-type echo-request

[RULES]
GROUP webserver -i vmbr0
IN SSH(ACCEPT) -i vmbr0 -source lan # admins
IN ACCEPT -p udp -source 10.0.0.0/24,10.0.1.0/24 -dport 53
OUT REJECT -p ipv6-icmp -dport 128 -dest six
FORWARD DROP -source 10.0.0.1-10.0.0.9
`;

const HOST = `[OPTIONS]
enable: 1
nosmurfs: 0
tcpflags: 1
nf_conntrack_helpers: ftp,sip
log_level_in: info

[RULES]
GROUP webserver
IN Ping(ACCEPT) -source +dc/management
OUT DROP -p tcp -dest web -sport 1024:65535 -dport smtp
`;

const GUEST = `[OPTIONS]
enable: 1
policy_out: DROP
dhcp: 0
ipfilter: 1
macfilter: 0
layer2_protocols: ARP,0800
ips: 1
ips_queues: 0:3

[ALIASES]
web 10.0.0.12

[IPSET ipfilter-net0]
10.0.0.153
guest/web

[RULES]
GROUP webserver -i net0
IN ACCEPT -i net1 -source guest/web -p tcp -dport 0
|OUT ACCEPT -dest +guest/ipfilter-net0
IN ACCEPT -p 47
`;

/** A file of each kind with something of every section. */
export const FIREWALL_TEXTS = { cluster: CLUSTER, host: HOST, guest: GUEST } as const;

/** A container, a VM, the cluster and the host as their own files describe them. */
export const HARDWARE_TEXTS = {
  "101.conf": `arch: amd64
hostname: nginx
net0: name=eth0,bridge=vmbr0,firewall=1,hwaddr=52:54:00:67:89:B3,ip=10.0.0.153/24,ip6=auto,tag=7
net1: name=eth1,bridge=vmbr1,hwaddr=52:54:00:67:89:B4,ip=dhcp
rootfs: local:101/vm-101-disk-0.raw,size=8G

[before]
net0: name=eth0,bridge=vmbr9,hwaddr=52:54:00:67:89:B5
`,
  "1001.conf": `boot: order=scsi0
cipassword: none
net0: virtio=52:54:00:10:00:01,bridge=vmbr0,firewall=1
net2: model=e1000,macaddr=52:54:00:10:00:02,bridge=vmbr0,firewall=0
`,
  "corosync.conf": `nodelist {
  node {
    name: one
    nodeid: 1
    ring0_addr: 10.0.0.13
    ring1_addr: 2001:db8::13
  }
  node {
    name: two
    nodeid: 2
    ring0_addr: 10.0.0.14
    ring1_addr: two.example
  }
}
totem {
  transport: udp
  version: 2
}
`,
  interfaces: `auto lo
iface lo inet loopback

auto vmbr0
iface vmbr0 inet static
\taddress 10.0.0.13/24
\tgateway 10.0.0.1
\tbridge-ports eno1
iface vmbr0 inet6 static
\taddress 2001:db8::13
\tnetmask 64
`,
} as const;

/** A line of a file of vectors. */
export const VECTORS: Samples = [
  JSON.stringify({
    id: "1",
    files: { "cluster.fw": CLUSTER, "host.fw": HOST, "101.fw": GUEST },
    cases: [
      { from: "outside", to: "vm101", proto: "tcp", sport: 40000, dport: 80, expect: "DROP" },
      {
        from: "vm100i1",
        to: "host",
        proto: "icmp",
        dport: "echo-request",
        expect: "REJECT",
        reject: "tcp-reset",
      },
      {
        from: "ct200",
        to: "nfvm",
        proto: "udp",
        source: "10.0.200.1",
        dest: "10.0.0.1",
        dport: 53,
        expect: "ACCEPT",
      },
    ],
  }),
];

/** Words of .fw files, and what is nearly one. */
export const FIREWALL_WORDS: Samples = [
  "[OPTIONS]\n",
  "[rules]\n",
  "[ALIASES]\n",
  "[IPSET management]\n",
  "[IPSET ipfilter-net0]\n",
  "[group a]\n",
  "[GROUP webserver] # again\n",
  "[IPSET",
  "]",
  "\n[",
  "enable: 2\n",
  "enable: 99999999999999999999\n",
  "policy_in: accept\n",
  "nftables: 1\n",
  "IN ACCEPT ",
  "|IN DROP ",
  "| OUT REJECT ",
  "GROUP webserver",
  "FORWARD ACCEPT",
  "HTTP(ACCEPT)",
  "sixxs(DROP)",
  "Nothing(REJECT)",
  " -p tcp",
  " -p 0",
  " --proto ipv6-icmp",
  " -dport 80,443",
  " -dport 65535:1",
  " --sport domain",
  " -source +dc/management",
  " -dest guest/web",
  " -source +sdn/vnet",
  " -source 10.0.0.5/24",
  " -dest 10.0.0.9-10.0.0.1",
  " -i net0",
  " -i vmbr0.5",
  " -icmp-type any",
  " -log emerg",
  " -log",
  "  ",
  " # ",
  "#",
  "!",
  "! 10.0.0.0/8",
  "0.0.0.0/0",
  "10.0.0.0/33",
  "::ffff:1.2.3.4",
  "dc/",
  "node {\n",
  "}\n",
  "ring0_addr: ",
  "net1: virtio=52:54:00:10:00:01,bridge=vmbr0",
  "iface vmbr1 inet static",
  "+",
  "-",
  ":",
  ...AWKWARD,
];
