import GRPC
import GRPCServices
import Testing
import WellKnownTypes

@testable import GRPCServices
@testable import GRPCTransport

@Suite("Channelz", .timeLimit(.minutes(1)))
struct ChannelzTests {
  private typealias Wire = GrpcChannelzV1

  /// A server with channelz and health, and a client of it on a socket.
  private func withServer(
    _ body: (Wire.ChannelzClient, GRPCClient, _ name: String) async throws -> Void
  ) async throws {
    var router = Router()
    router.add(ChannelzService())
    router.add(HealthService(HealthStatuses()))
    let server = try await GRPCServer.start(router, on: .tcp(host: "127.0.0.1", port: 0))
    let client = GRPCClient(server.endpoint)
    do {
      try await body(Wire.ChannelzClient(client), client, "\(server.endpoint)")
    } catch {
      await client.close()
      await server.shutdown(within: .zero)
      throw error
    }
    await client.close()
    await server.shutdown(within: .zero)
  }

  /// Other tests' servers are in this process too, and may fill pages.
  private func server(_ name: String, _ channelz: Wire.ChannelzClient) async throws -> Wire.Server {
    var page = try await channelz.getServers(.init())
    while true {
      if let server = page.server.first(where: { $0.ref?.name == name }) { return server }
      let last = try #require(page.end ? nil : page.server.last?.ref?.serverID, "no \(name)")
      page = try await channelz.getServers(.init(startServerID: last + 1))
    }
  }

  private func channel(_ name: String, _ channelz: Wire.ChannelzClient) async throws -> Wire.Channel
  {
    var page = try await channelz.getTopChannels(.init())
    while true {
      if let channel = page.channel.first(where: { $0.data?.target == name }) { return channel }
      let last = try #require(page.end ? nil : page.channel.last?.ref?.channelID, "no \(name)")
      page = try await channelz.getTopChannels(.init(startChannelID: last + 1))
    }
  }

  @Test("a server shows its calls, where it listens, and who is connected")
  func servers() async throws {
    try await withServer { channelz, client, name in
      let health = GrpcHealthV1.HealthClient(client)
      _ = try await health.check(.init())
      await #expect(throws: RPCError.self) { try await health.check(.init(service: "no")) }
      let server = try await server(name, channelz)
      let looks = try #require(server.data?.callsStarted) - 2
      let id = try #require(server.ref?.serverID)
      let again = try await channelz.getServer(.init(serverID: id))
      #expect(again.server?.ref == server.ref)
      // Its own calls are among them: GetServers, and GetServer, which is under way.
      let data = try #require(again.server?.data)
      #expect(looks >= 1)
      #expect(data.callsStarted == 3 + looks)
      #expect(data.callsSucceeded == 1 + looks)
      #expect(data.callsFailed == 1)
      #expect((data.lastCallStartedTimestamp?.seconds ?? 0) > 1_700_000_000)

      let listener = try #require(server.listenSocket.first)
      let listening = try await channelz.getSocket(.init(socketID: listener.socketID)).socket
      guard case .tcpipAddress(let address)? = listening?.local?.address else {
        Issue.record("\(String(describing: listening))")
        return
      }
      #expect(address.ipAddress == [127, 0, 0, 1])
      #expect(name == "127.0.0.1:\(address.port)")

      let sockets = try await channelz.getServerSockets(.init(serverID: id))
      #expect(sockets.end)
      let reference = try #require(sockets.socketRef.first)
      let socket = try #require(
        try await channelz.getSocket(.init(socketID: reference.socketID)).socket)
      #expect(socket.data?.streamsStarted == 6 + looks)
      #expect(socket.data?.messagesReceived == 6 + looks)
      #expect(socket.data?.lastRemoteStreamCreatedTimestamp != nil)
      #expect(socket.data?.lastLocalStreamCreatedTimestamp == nil)
      #expect(socket.local == listening?.local)
      #expect(socket.remote != nil && socket.security == nil)
    }
  }

  @Test("a client shows its state, its address, its connection and its calls")
  func channels() async throws {
    try await withServer { channelz, _, name in
      let channel = try await channel(name, channelz)
      #expect(channel.data?.state?.state == .ready)
      let looks = channel.data?.callsStarted ?? 0
      #expect(looks >= 1)
      let id = try #require(channel.ref?.channelID)
      let again = try await channelz.getChannel(.init(channelID: id)).channel
      #expect(again?.data?.callsSucceeded == looks)
      let reference = try #require(channel.subchannelRef.first)
      let subchannel = try await channelz.getSubchannel(
        .init(subchannelID: reference.subchannelID)
      ).subchannel
      #expect(subchannel?.data?.state?.state == .ready)
      #expect(subchannel?.data?.target == name)
      let link = try #require(subchannel?.socketRef.first)
      let socket = try await channelz.getSocket(.init(socketID: link.socketID)).socket
      #expect(socket?.data?.streamsStarted == looks + 3)
      #expect(socket?.data?.messagesSent == looks + 3)
      #expect(socket?.data?.messagesReceived == looks + 2)
      #expect(socket?.data?.lastLocalStreamCreatedTimestamp != nil)
    }
  }

  @Test("a socket's numbers are each in its place")
  func socketNumbers() {
    var counters = CallCounters()
    (counters.started, counters.succeeded, counters.failed) = (1, 2, 3)
    (counters.messagesSent, counters.messagesReceived) = (4, 5)
    let data = Wire.Socket(
      SocketReport(
        reference: ChannelzReference(id: 8, name: "x"), counters: counters, keepalivesSent: 6,
        isClient: true, local: nil, remote: nil, tls: nil)
    ).data
    #expect(
      data
        == Wire.SocketData(
          streamsStarted: 1, streamsSucceeded: 2, streamsFailed: 3, messagesSent: 4,
          messagesReceived: 5, keepAlivesSent: 6))
  }

  @Test("lists come in pages by id, and end")
  func pages() async throws {
    try await withServer { channelz, _, name in
      var ids: [Int64] = []
      var next: Int64 = 0
      while true {
        let page = try await channelz.getServers(.init(startServerID: next, maxResults: 1))
        #expect(page.server.count <= 1)
        ids += page.server.compactMap { $0.ref?.serverID }
        if page.end { break }
        next = (ids.last ?? 0) + 1
      }
      #expect(ids == ids.sorted() && Set(ids).count == ids.count)
      let own = try await server(name, channelz).ref?.serverID
      #expect(ids.contains(own ?? 0))
      let error = await #expect(throws: RPCError.self) {
        try await channelz.getServers(.init(maxResults: -1))
      }
      #expect(error?.code == .invalidArgument)
    }
  }

  @Test("what is not there is NOT_FOUND")
  func missing() async throws {
    try await withServer { channelz, _, _ in
      let calls: [() async throws -> Void] = [
        { _ = try await channelz.getServer(.init(serverID: -1)) },
        { _ = try await channelz.getServerSockets(.init(serverID: -1)) },
        { _ = try await channelz.getChannel(.init(channelID: -1)) },
        { _ = try await channelz.getSubchannel(.init(subchannelID: -1)) },
        { _ = try await channelz.getSocket(.init(socketID: -1)) },
      ]
      for call in calls {
        let error = await #expect(throws: RPCError.self) { try await call() }
        #expect(error?.code == .notFound)
      }
    }
  }

  @Test("what was before is before by the time of day")
  func wallClock() {
    let now = ContinuousClock.now
    let hour = WallClock.nanoseconds(at: now) - WallClock.nanoseconds(at: now - .seconds(3600))
    // The two clocks go on between the two questions.
    #expect((3_500_000_000_000...3_700_000_000_000).contains(hour))
  }

  @Test("callers on other machines are turned away, unless that is wanted")
  func remoteCallers() async throws {
    for (peer, allowed, code) in [
      ("ipv4:192.0.2.1:5", false, StatusCode.permissionDenied), ("ipv4:192.0.2.1:5", true, nil),
      ("ipv6:[2001:db8::1]:5", false, .permissionDenied), ("ipv6:[::1]:5", false, nil),
      ("ipv4:127.0.0.1:5", false, nil), ("unix:", false, nil),
      ("unknown", false, .permissionDenied), ("ipv4:128.0.0.1:5", false, .permissionDenied),
      ("ipv6:[::ffff:127.0.0.1]:5", false, nil),
      ("ipv6:[::ffff:8.8.8.8]:5", false, .permissionDenied),
    ] {
      var router = Router()
      router.add(ChannelzService(allowsRemoteCallers: allowed))
      let channel = InProcessTransport(serving: router, peer: peer)
      var caught: StatusCode?
      do {
        _ = try await Wire.ChannelzClient(channel).getServers(.init())
      } catch let error as RPCError {
        caught = error.code
      }
      #expect(caught == code, "\(peer)")
    }
  }

  @Test("a client whose probe is the health service leaves a server that does not serve")
  func healthProbe() async throws {
    let statuses = HealthStatuses()
    var router = Router()
    router.add(HealthService(statuses))
    let server = try await GRPCServer.start(router, on: .tcp(host: "127.0.0.1", port: 0))
    var configuration = ClientConfiguration()
    configuration.healthProbe = HealthServiceProbe()
    let client = GRPCClient(server.endpoint, configuration: configuration)
    try await client.connect()
    statuses.set(.notServing)
    for await state in client.connectivityStates where state == .transientFailure { break }
    statuses.set(.serving)
    for await state in client.connectivityStates where state == .ready { break }
    await client.close()
    await server.shutdown(within: .zero)
  }
}
