import GRPCTransport
import Testing

@testable import belay

@Suite("What commands take")
struct ArgumentTests {
  @Test(
    "Addresses are read as they are written",
    arguments: [
      "unix:/run/belay.sock", "localhost:7700", "127.0.0.1:0", "[::1]:7700",
    ])
  func address(_ text: String) {
    #expect(SocketEndpoint(argument: text)?.description == text)
  }

  @Test(
    "What is no address is refused",
    arguments: [
      "", "unix:", "localhost", "localhost:", "localhost:65536", ":7700", "localhost:-1",
      "unix:/" + String(repeating: "a", count: 107),
    ])
  func noAddress(_ text: String) {
    #expect(SocketEndpoint(argument: text) == nil)
  }

  @Test("A repository is a name and a path")
  func repository() {
    #expect(RepositoryArgument(argument: "default=/srv/backup")?.path == "/srv/backup")
    for text in ["", "default", "default=", "UPPER=/srv", "=/srv"] {
      #expect(RepositoryArgument(argument: text) == nil, "\(text)")
    }
  }

  @Test("A stop needs a mode, and an escalation a graceful one")
  func stop() throws {
    #expect(throws: (any Error).self) { try SessionCommand.Stop.parse(["s"]) }
    #expect(throws: (any Error).self) {
      try SessionCommand.Stop.parse(["s", "--immediate", "--graceful"])
    }
    #expect(throws: (any Error).self) {
      try SessionCommand.Stop.parse(["s", "--immediate", "--escalate-after", "5"])
    }
    let stop = try SessionCommand.Stop.parse(["s", "--graceful", "--escalate-after", "5"])
    #expect(stop.stop.mode == .graceful)
    #expect(stop.stop.timeoutDuration?.seconds == 5)
  }
}
