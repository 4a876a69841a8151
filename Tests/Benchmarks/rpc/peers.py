"""Who is measured: our programs and the peers, built as their users would build them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from processes import BenchError, run

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "Tests/Benchmarks"
BUILD = ROOT / ".build-bench"
OURS = ROOT / ".build/release"
PROTO = "bench/v1/echo_service.proto"


@dataclass
class ServerPeer:
    name: str
    # The command that serves at a port, with a certificate and a key if they are given.
    command: Callable[[int, tuple[Path, Path] | None, Path], list]
    speaks_grpc: bool = True


def _ours(port, tls, _folder):
    command = [OURS / "rpc-bench-server", "--port", port]
    return command + (["--tls-cert", tls[0], "--tls-key", tls[1]] if tls else [])


def _peer(name):
    return lambda port, tls, _folder: [BUILD / "bin" / f"{name}-server", port, *(tls or ())]


def _nghttpd(port, tls, folder):
    # One worker thread; a trailer is what makes its answers as long in frames as gRPC's.
    command = ["nghttpd", "--address=127.0.0.1", "--workers=1", "--trailer=grpc-status: 0", f"--htdocs={folder}"]
    return command + ([port, tls[1], tls[0]] if tls else ["--no-tls", port])


SERVERS = {
    peer.name: peer
    for peer in [
        ServerPeer("belay", _ours),
        ServerPeer("grpc-go", _peer("grpc-go")),
        ServerPeer("grpc++", _peer("grpc++")),
        ServerPeer("nghttpd", _nghttpd, speaks_grpc=False),
    ]
}


def client_command(name: str, port: int, calls: int, warm_up: int, callers: int, request: int = 0,
                   response: int = 0, messages: int = 0, trust: Path | None = None) -> list:
    """A client's run; each prints the same line of JSON. Only ours speaks TLS, if it is given what to trust."""
    if name == "belay":
        command = [
            OURS / "rpc-bench-client", port, "--calls", calls, "--warm-up", warm_up,
            "--concurrency", callers, "--request-size", request, "--response-size", response]
        command += ["--tls-trust", trust] if trust else []
        return command + (["--messages", messages] if messages else [])
    return [BUILD / "bin" / f"{name}-client", port, calls, warm_up, callers, request, response, messages]


CLIENTS = ["belay", "grpc-go", "grpc++"]


def build_ours() -> None:
    for product in ["rpc-bench-server", "rpc-bench-client"]:
        run(["swift", "build", "-c", "release", "--product", product], timeout=1800, folder=ROOT)


def build_peers(names: list[str]) -> None:
    """Builds what is older than its sources."""
    (BUILD / "bin").mkdir(parents=True, exist_ok=True)
    if "grpc++" in names:
        _build_cpp()
    if "grpc-go" in names:
        _build_go()


def _is_fresh(output: Path, sources: list[Path]) -> bool:
    return output.exists() and all(
        source.stat().st_mtime <= output.stat().st_mtime for source in sources)


def _build_cpp() -> None:
    generated = BUILD / "cpp"
    generated.mkdir(exist_ok=True)
    proto = SOURCES / "Proto" / PROTO
    for program in ["server", "client"]:
        source = SOURCES / "peers/cpp" / f"{program}.cc"
        output = BUILD / "bin" / f"grpc++-{program}"
        if _is_fresh(output, [source, proto]):
            continue
        run(["protoc", f"-I{SOURCES / 'Proto'}", f"--cpp_out={generated}", f"--grpc_out={generated}",
             "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin", PROTO])
        libraries = run(["pkg-config", "--libs", "grpc++", "protobuf"]).split()
        run(["g++", "-O2", "-std=c++17", f"-I{generated}", source,
             *generated.glob("bench/v1/*.cc"), "-o", output, *libraries])


def _build_go() -> None:
    proto = SOURCES / "Proto" / PROTO
    environment = {
        "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": str(BUILD / "go-cache"),
        "GOPATH": f"{BUILD / 'go'}:/usr/share/gocode"}
    plugin = BUILD / "bin/protoc-gen-go"
    for program in ["server", "client"]:
        source = SOURCES / "peers/go" / program / "main.go"
        output = BUILD / "bin" / f"grpc-go-{program}"
        if _is_fresh(output, [source, proto]):
            continue
        if not Path("/usr/share/gocode/src/google.golang.org/grpc").exists():
            raise BenchError("golang-google-grpc-dev is missing: run Deploy/setup --bench")
        generated = BUILD / "go/src"
        generated.mkdir(parents=True, exist_ok=True)
        run(["go", "build", "-o", plugin, "github.com/golang/protobuf/protoc-gen-go"], environment=environment)
        run(["protoc", f"-I{SOURCES / 'Proto'}", f"--plugin={plugin}",
             f"--go_out=plugins=grpc:{generated}", PROTO])
        run(["go", "build", "-o", output, source], environment=environment)
