import GRPC
import Glibc
import Testing

@testable import GRPCTransport

@Suite("Where a server listens", .timeLimit(.minutes(1)))
struct ListeningTests {
  @Test("One server listens in several places, and leaves all of them")
  func several() async throws {
    let places = [SocketKind.tcp.free(), SocketKind.unix.free(), SocketKind.tcp.free()]
    let server = try await GRPCServer.start(
      router(EchoService()), on: places, inheriting: [])
    #expect(server.endpoints.count == 3)
    for endpoint in server.endpoints {
      let client = GRPCClient(endpoint)
      let answer: Bytes = try await client.unary(EchoService.say, Bytes("\(endpoint)"))
      #expect(answer.text == "\(endpoint)")
      await client.close()
    }
    await server.shutdown(within: .zero)
    for endpoint in server.endpoints {
      let client = GRPCClient(endpoint)
      let error = await failure {
        let _: Bytes = try await client.unary(EchoService.say, Bytes(""))
      }
      #expect(error?.code == .unavailable)
      await client.close()
    }
  }

  @Test("When one place can't be had, none is kept")
  func allOrNone() async throws {
    let free = SocketKind.unix.free()
    let taken = try await GRPCServer.start(Router(), on: SocketKind.unix.free())
    await #expect(throws: TransportError.self) {
      _ = try await GRPCServer.start(Router(), on: [free, taken.endpoint], inheriting: [])
    }
    await #expect(throws: TransportError.self) {
      _ = try await GRPCServer.start(Router(), on: [], inheriting: [])
    }
    await taken.shutdown(within: .zero)
    let again = try await GRPCServer.start(Router(), on: free)
    await again.shutdown(within: .zero)
  }

  /// A socket as systemd would hand it over, and the port it has.
  private func socket(on host: String = "127.0.0.1", listens: Bool = true) -> (Int32, Int) {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr(host)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutableBytes(of: &address) { bytes in
      let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      _ = bind(descriptor, pointer, length)
      if listens { listen(descriptor, 16) }
      _ = getsockname(descriptor, pointer, &length)
    }
    return (descriptor, Int(address.sin_port.bigEndian))
  }

  private func handedOver(
    _ descriptor: Int32, process: String? = "7", count: String? = "1", names: String? = nil
  ) throws -> [InheritedSocket] {
    try InheritedSocket.handedOver(
      process: process, count: count, names: names, to: 7, from: descriptor)
  }

  @Test("An inherited socket serves")
  func inherited() async throws {
    let (descriptor, port) = socket()
    let sockets = try handedOver(descriptor, names: "grpc:other")
    #expect(sockets.map(\.name) == ["grpc"])
    let server = try await GRPCServer.start(router(EchoService()), inheriting: sockets)
    #expect(server.endpoint == .tcp(host: "127.0.0.1", port: port))
    let client = GRPCClient(server.endpoint)
    let answer: Bytes = try await client.unary(EchoService.say, Bytes("x"))
    #expect(answer == "x")
    await client.close()
    await server.shutdown(within: .zero)
  }

  @Test("What is not meant for the process is let be, and what is no listening socket is refused")
  func notInherited() throws {
    let (listening, _) = socket()
    let (silent, _) = socket(listens: false)
    defer {
      close(listening)
      close(silent)
    }
    #expect(try handedOver(listening, process: nil).isEmpty)
    #expect(try handedOver(listening, process: "8").isEmpty)
    #expect(try handedOver(listening, count: "0").isEmpty)
    #expect(throws: TransportError.self) { _ = try handedOver(silent) }
    #expect(throws: TransportError.self) { _ = try handedOver(listening, count: "-1") }
    #expect(throws: TransportError.self) { _ = try handedOver(listening, count: "2147483647") }
    #expect(throws: TransportError.self) { _ = try handedOver(1_000_000) }
  }

  @Test("An inherited socket that others can reach needs TLS")
  func inheritedNetwork() async throws {
    let (descriptor, _) = socket(on: "0.0.0.0")
    defer { close(descriptor) }
    let sockets = try handedOver(descriptor)
    await #expect(throws: TransportError.insecureEndpoint("the inherited socket unknown")) {
      _ = try await GRPCServer.start(Router(), inheriting: sockets)
    }
  }
}
