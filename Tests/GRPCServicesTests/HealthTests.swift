import GRPC
import Testing

@testable import GRPCServices

@Suite(.timeLimit(.minutes(1))) struct HealthTests {
  private let statuses = HealthStatuses()
  private var server: ServerHealth { ServerHealth(statuses) }

  private func client() -> GrpcHealthV1.HealthClient {
    var router = Router()
    router.add(HealthService(statuses))
    return GrpcHealthV1.HealthClient(InProcessTransport(serving: router))
  }

  private func expect(
    _ iterator: inout ResponseStream<GrpcHealthV1.HealthCheckResponse>.AsyncIterator,
    _ status: GrpcHealthV1.HealthCheckResponse.ServingStatus,
    location: SourceLocation = #_sourceLocation
  ) async throws {
    let told = try await iterator.next()?.status
    #expect(told == status, sourceLocation: location)
  }

  @Test("The server is serving from the beginning; a service that nobody named is NOT_FOUND")
  func check() async throws {
    let client = client()
    #expect(try await client.check(.init()).status == .serving)
    let error = await #expect(throws: RPCError.self) {
      try await client.check(.init(service: "a.B"))
    }
    #expect(error?.code == .notFound)
    #expect(error?.message.contains("a.B") == true)
  }

  @Test("Each service has a status of its own, which can be changed and removed")
  func services() async throws {
    let client = client()
    statuses.set(.serving, for: "a.B")
    statuses.set(.notServing)
    #expect(try await client.check(.init(service: "a.B")).status == .serving)
    #expect(try await client.check(.init()).status == .notServing)
    let listed = try await client.list(.init()).statuses
    #expect(listed.mapValues(\.status) == ["": .notServing, "a.B": .serving])
    statuses.remove("a.B")
    await #expect(throws: RPCError.self) { try await client.check(.init(service: "a.B")) }
  }

  @Test("A list that is too long is refused")
  func longList() async throws {
    for number in 0..<HealthService.maximumListed { statuses.set(.serving, for: "s\(number)") }
    let client = client()
    let error = await #expect(throws: RPCError.self) { try await client.list(.init()) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test("A watch tells the status now, then each change; an unknown service may become known")
  func watch() async throws {
    let statuses = statuses
    try await client().watch(.init(service: "a.B")) { responses in
      var iterator = responses.makeAsyncIterator()
      try await expect(&iterator, .serviceUnknown)
      statuses.set(.notServing, for: "a.B")
      try await expect(&iterator, .notServing)
      statuses.set(.serving, for: "other")
      statuses.set(.serving, for: "a.B")
      try await expect(&iterator, .serving)
      statuses.remove("a.B")
      try await expect(&iterator, .serviceUnknown)
    }
  }

  @Test("A watcher that was slow hears the newest status, and of no change that was undone")
  func conflation() async throws {
    let watcher = try server.beginWatch("a.B")
    #expect(try await statuses.next(watcher) == nil)
    statuses.set(.notServing, for: "a.B")
    statuses.set(.serving, for: "a.B")
    #expect(try await statuses.next(watcher) == .serving)
    statuses.set(.notServing, for: "a.B")
    statuses.set(.serving, for: "a.B")
    let statuses = statuses
    async let next = statuses.next(watcher)
    statuses.set(.notServing, for: "a.B")
    #expect(try await next == .notServing)
  }

  @Test("A server that shuts down tells its watchers, sends them away, and serves no more")
  func shutdown() async throws {
    var router = Router()
    router.add(HealthService(statuses))
    let (own, other) = (router.forOneServer(), router.forOneServer())
    let client = GrpcHealthV1.HealthClient(InProcessTransport(serving: own))
    let neighbour = GrpcHealthV1.HealthClient(InProcessTransport(serving: other))
    statuses.set(.serving, for: "a.B")
    let statuses = statuses
    try await neighbour.watch(.init(service: "a.B")) { responses in
      var watch = responses.makeAsyncIterator()
      try await expect(&watch, .serving)
      var heard: [GrpcHealthV1.HealthCheckResponse.ServingStatus] = []
      let error = await #expect(throws: RPCError.self) {
        try await client.watch(.init(service: "a.B")) { responses in
          for try await response in responses {
            heard.append(response.status)
            if heard.count == 1 { own.beginShutdown() }
          }
        }
      }
      #expect(heard == [.serving, .notServing])
      #expect(error?.code == .unavailable)
      #expect(try await neighbour.check(.init(service: "a.B")).status == .serving)
      // The next that this watcher hears is not of the other server.
      statuses.remove("a.B")
      try await expect(&watch, .serviceUnknown)
    }
    statuses.set(.serving, for: "a.B")
    #expect(try await client.check(.init(service: "a.B")).status == .notServing)
    #expect(try await client.list(.init()).statuses["a.B"]?.status == .notServing)
    #expect(try await neighbour.list(.init()).statuses["a.B"]?.status == .serving)
  }

  @Test("An application that ends everything ends it at every server")
  func shutdownOfAll() async throws {
    let client = client()
    let statuses = statuses
    var heard: [GrpcHealthV1.HealthCheckResponse.ServingStatus] = []
    let error = await #expect(throws: RPCError.self) {
      try await client.watch(.init()) { responses in
        for try await response in responses {
          heard.append(response.status)
          if heard.count == 1 { statuses.shutDown() }
        }
      }
    }
    #expect(heard == [.serving, .notServing])
    #expect(error?.code == .unavailable)
    statuses.set(.serving)
    #expect(try await client.check(.init()).status == .notServing)
  }

  @Test("Watchers are bounded, and make room when they go")
  func bound() async throws {
    let statuses = HealthStatuses(maximumWatchers: 1)
    let server = ServerHealth(statuses)
    let first = try server.beginWatch("a.B")
    let error = #expect(throws: RPCError.self) { _ = try server.beginWatch("a.B") }
    #expect(error?.code == .resourceExhausted)
    statuses.endWatch(first)
    _ = try server.beginWatch("a.B")
  }

  @Test("A watcher that is cancelled while it waits goes")
  func cancellation() async throws {
    let statuses = statuses
    let watcher = try server.beginWatch("")
    #expect(try await statuses.next(watcher) == .serving)
    let task = Task { try await statuses.next(watcher) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
