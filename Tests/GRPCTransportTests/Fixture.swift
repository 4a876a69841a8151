import GRPC
import GRPCTransport
import Glibc
import Synchronization
import Testing

/// The sockets that everything is tried on.
enum SocketKind: CaseIterable, Sendable {
  case unix, tcp

  private static let next = Atomic<Int>(0)

  /// An endpoint that nobody uses.
  func free() -> SocketEndpoint {
    switch self {
    case .tcp: return .tcp(host: "127.0.0.1", port: 0)
    case .unix:
      let number = Self.next.add(1, ordering: .relaxed).newValue
      return .unix(path: "/tmp/grpc-\(getpid())-\(number).sock")
    }
  }
}

/// A server with the echo service and a client of it.
struct Fixture: Sendable {
  let service: EchoService
  let server: GRPCServer
  let client: GRPCClient

  /// Runs a test between starting and closing both.
  static func run(
    _ kind: SocketKind = .unix, server: ServerConfiguration = ServerConfiguration(),
    client: ClientConfiguration = ClientConfiguration(),
    _ body: (Fixture) async throws -> Void
  ) async throws {
    let service = EchoService()
    var router = Router()
    router.add(service)
    let running = try await GRPCServer.start(router, on: kind.free(), configuration: server)
    let fixture = Fixture(
      service: service, server: running,
      client: GRPCClient(running.endpoint, configuration: client))
    do {
      try await body(fixture)
    } catch {
      await fixture.stop()
      throw error
    }
    await fixture.stop()
  }

  private func stop() async {
    service.gate.fire()
    await client.close()
    await server.shutdown(within: .seconds(1))
    #expect(server.connectionCount == 0)
  }
}

/// The status that a call ends with; nil: none.
func failure(_ body: () async throws -> Void) async -> RPCError? {
  do {
    try await body()
    return nil
  } catch let error as RPCError {
    return error
  } catch {
    Issue.record("not an RPCError: \(error)")
    return nil
  }
}

func router(_ service: EchoService) -> Router {
  var router = Router()
  router.add(service)
  return router
}
