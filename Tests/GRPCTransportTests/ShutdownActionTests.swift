import GRPC
import GRPCTransport
import Synchronization
import Testing

@Test("A server that shuts down first does what its services want done")
func shutdownActions() async throws {
  let order = Mutex<[String]>([])
  var router = router(EchoService())
  router.whenShuttingDown { order.withLock { $0.append("first") } }
  router.whenShuttingDown { order.withLock { $0.append("second") } }
  let server = try await GRPCServer.start(router, on: SocketKind.unix.free())
  #expect(order.withLock(\.self) == [])
  await server.shutdown(within: .zero)
  #expect(order.withLock(\.self) == ["first", "second"])
}
