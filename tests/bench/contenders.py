# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, each with one worker and its configuration for one workload; the backend behind them."""
import resource
import shutil

from machine import BIN, TESTS, Started, free_port

HOST = "bench.demo.svc.cluster.local"
PROXY_CORE, LOAD_CORE = 0, 1
BIG = 10 * 1024 * 1024
MOST = min(30000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 100)  # connections; a proxy needs two descriptors each
SIZES = {"/": 128, "/1k": 1024, "/64k": 65536, "/10m": BIG}

NGINX_COMMON = """daemon off; worker_processes 1; pid {dir}/{name}.pid; error_log {dir}/{name}.err;
events {{ worker_connections {most}; }}
http {{ access_log {access}; keepalive_requests 100000000; client_max_body_size 0; client_body_temp_path {dir}/{name}1; proxy_temp_path {dir}/{name}2;
  fastcgi_temp_path {dir}/{name}3; uwsgi_temp_path {dir}/{name}4; scgi_temp_path {dir}/{name}5;
"""
HAPROXY = """global
  nbthread 1
  maxconn {most}
defaults
  mode {mode}
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  {reuse}
frontend f
  bind 127.0.0.1:{port}
{rules}
  default_backend b
backend b
  balance leastconn
{servers}
"""


def route(i):
    return f"/r{i:05d}"


class Workload:
    """What is asked of all of them. `routes` path prefixes (the last one is asked), `endpoints` addresses of the one backend,
    `rich`: every policy, metric and log that the proxy has."""

    def __init__(self, name, path="/", connections=64, post=0, close=False, routes=1, endpoints=1, rich=False, workers=1, whole=False):
        self.name, self.path, self.connections, self.post, self.close = name, path, connections, post, close
        self.routes, self.endpoints, self.rich, self.workers = routes, endpoints, rich, workers
        self.whole = whole  # the backend answers when it has read all of the request

    def backend(self, dir):
        return sink(dir) if self.whole else backend(dir, self.endpoints)

    def target(self):
        return route(self.routes - 1) if self.routes > 1 else self.path


def addresses(count):
    return ["127.0.0.1"] if count == 1 else [f"127.3.{i // 250}.{i % 250 + 1}" for i in range(count)]


def backend(dir, count):
    """nginx that answers from memory (files of 64 KB and more from the page cache), on as many loopback addresses as asked for."""
    port = free_port()
    dir.chmod(0o755)  # its workers are another user
    for name in ("64k", "10m"):
        (dir / name).write_bytes(b"x" * SIZES["/" + name])
    listens = " ".join(f"listen {address}:{port} backlog=4096;" for address in dict.fromkeys(["127.0.0.1", *addresses(count)]))
    config = NGINX_COMMON.format(dir=dir, name="backend", access="off", most=MOST) + f"""  open_file_cache max=10; server {{ {listens} default_type text/plain;
    location / {{ return 200 "{'x' * 128}"; }} location = /1k {{ return 200 "{'x' * 1024}"; }}
    location = /64k {{ root {dir}; }} location = /10m {{ root {dir}; }} }} }}
"""
    (dir / "backend.conf").write_text(config)
    return Started("backend", [shutil.which("nginx"), "-p", dir, "-c", dir / "backend.conf"], port, dir, core=LOAD_CORE)


def sink(dir):
    """A backend that reads every request to its end, and never answers below /hold."""
    port = free_port()
    return Started("sink", [TESTS / "bench_sink", port], port, dir, core=LOAD_CORE)


def serin(dir, work, port):
    manifests = dir / "manifests"
    shutil.rmtree(manifests, ignore_errors=True)
    manifests.mkdir()
    (manifests / "bench.yaml").write_text(serin_manifests(work, port))
    listen = free_port()
    command = [BIN, "proxy", "--manifests", manifests, "--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{free_port()}", "--workers", str(work.workers)]
    if work.rich:
        command += ["--access-log", dir / "access.log"]
    return Started("serin", command, listen, dir, HOST, PROXY_CORE if work.workers == 1 else None, work.target())


def serin_manifests(work, port):
    pods = [f"bench-{i}" for i in range(work.endpoints)]
    parts = [f"""apiVersion: v1
kind: Service
metadata: {{name: bench, namespace: demo}}
spec:
  selector: {{app: bench}}
  ports:
  - {{name: http, port: 8080, targetPort: {port}}}
"""]
    parts += [f"""apiVersion: v1
kind: Pod
metadata: {{name: {pod}, namespace: demo, labels: {{app: bench, version: v1}}}}
spec:
  containers:
  - {{name: a, image: bench}}
status: {{podIP: {address}, phase: Running}}
""" for pod, address in zip(pods, addresses(work.endpoints))]
    ends = "\n".join(f"- {{addresses: [{address}], conditions: {{ready: true}}, targetRef: {{kind: Pod, name: {pod}, namespace: demo}}}}"
                     for pod, address in zip(pods, addresses(work.endpoints)))
    parts.append(f"""apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: bench-1, namespace: demo, labels: {{kubernetes.io/service-name: bench}}}}
addressType: IPv4
ports:
- {{name: http, port: {port}, protocol: TCP}}
endpoints:
{ends}
""")
    policy = """
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 10000, connectTimeout: 2s}
      http: {http1MaxPendingRequests: 10000, http2MaxRequests: 10000, maxRetries: 100}
    outlierDetection: {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 50}
    loadBalancer: {simple: LEAST_REQUEST}""" if work.rich else ""
    parts.append(f"""apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: bench, namespace: demo}}
spec:
  host: {HOST}{policy}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v1}}}}
""")
    extra = """
    timeout: 15s
    retries: {attempts: 3, perTryTimeout: 5s, retryOn: "5xx,reset,connect-failure"}
    headers:
      request: {set: {x-bench: "%REQ(:METHOD)%"}, remove: [x-secret]}
      response: {add: {x-served-by: serin}}
    corsPolicy:
      allowOrigins: [{exact: "https://example.com"}]
      allowMethods: [GET]""" if work.rich else """
    timeout: 5s
    retries: {attempts: 2, retryOn: connect-failure}"""
    split = f"""
    - {{destination: {{host: {HOST}, subset: v1}}, weight: 90}}
    - {{destination: {{host: {HOST}, subset: v2}}, weight: 10}}""" if work.rich else f"""
    - destination: {{host: {HOST}, subset: v1}}"""
    rules = "".join(f"""
  - match: [{{uri: {{prefix: {route(i)}}}}}]{extra}
    route:{split}""" for i in range(work.routes)) if work.routes > 1 else f"""
  -{extra[4:]}
    route:{split}"""
    parts.append(f"""apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: bench, namespace: demo}}
spec:
  hosts: [{HOST}]
  http:{rules}
""")
    return "---\n".join(parts)


def nginx(dir, work, port):
    listen = free_port()
    servers = " ".join(f"server {address}:{port};" for address in addresses(work.endpoints))
    proxy = 'proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; ' \
            "proxy_buffering off; proxy_request_buffering off;"
    routes = "".join(f"location {route(i)} {{ {proxy} }} " for i in range(work.routes)) if work.routes > 1 else f"location / {{ {proxy} }}"
    config = NGINX_COMMON.format(dir=dir, name="proxy", access="off", most=MOST) + f"""
  upstream up {{ least_conn; {servers} keepalive 1024; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{listen} backlog=4096; {routes} }} }}
"""
    (dir / "nginx.conf").write_text(config)
    return Started("nginx", [shutil.which("nginx"), "-p", dir, "-c", dir / "nginx.conf"], listen, dir, HOST, PROXY_CORE, work.target())


def haproxy(dir, work, port):
    listen = free_port()
    servers = "\n".join(f"  server s{i} {address}:{port}" for i, address in enumerate(addresses(work.endpoints)))
    rules = "\n".join(f"  use_backend b if {{ path_beg {route(i)} }}" for i in range(work.routes - 1)) if work.routes > 1 else ""
    path = dir / "haproxy.cfg"
    path.write_text(HAPROXY.format(mode="http", most=MOST, port=listen, reuse="http-reuse always", rules=rules, servers=servers))
    return Started("haproxy", [shutil.which("haproxy"), "-db", "-f", path], listen, dir, HOST, PROXY_CORE, work.target())


def relay(dir, work, port):
    listen = free_port()
    return Started("relay", [TESTS / "bench_relay", listen, port], listen, dir, HOST, PROXY_CORE, work.target())

