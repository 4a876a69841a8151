import BackupModel
import BelayAPI
import Coordinator
import CoordinatorCore
import GRPC
import Logging
import Store
import Synchronization
import Testing

/// A coordinator that runs in this process, with clients on the in-process transport.
struct Bench: Sendable {
  let store: any CoordinatorStore
  let clock: TurnedClock
  let channel: InProcessTransport
  /// What the channel leads to, for a test that serves it elsewhere too.
  let router: Router

  var jobs: BelayV1.JobServiceClient { .init(channel) }
  var sessions: BelayV1.SessionServiceClient { .init(channel) }
  var workers: BelayV1.WorkerServiceClient { .init(channel) }
  var restorePoints: BelayV1.RestorePointServiceClient { .init(channel) }

  /// Runs a coordinator, and workers if there are any, as long as the body does.
  static func run(
    _ store: any CoordinatorStore = MemoryStore(),
    catalog: any RestorePointCatalog = MemoryCatalog(points: []),
    bounds: CoordinatorServer.Bounds = CoordinatorServer.Bounds(),
    _ body: @escaping @Sendable (Bench) async throws -> Void
  ) async throws {
    let clock = TurnedClock()
    let numbers = Mutex(0)
    let server = CoordinatorServer(
      configuration: Configuration(repositories: [RepositoryID(rawValue: "main"): "/main"]),
      store: store, catalog: catalog, clock: clock, bounds: bounds,
      newSessionID: { _ in
        numbers.withLock { number in
          number += 1
          return SessionID(rawValue: "s\(number)")
        }
      }, log: quiet)
    var router = Router()
    for service in server.services { router.add(service) }
    let bench = Bench(
      store: store, clock: clock, channel: InProcessTransport(serving: router, logger: quiet),
      router: router)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      group.addTask { try await body(bench) }
      // The body's end, or its error, or the coordinator's: whichever is first.
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Keeps workers at work as long as the body runs.
  func working(
    _ links: [ScriptedLink], _ body: @Sendable () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for link in links {
        group.addTask { try? await link.run() }
      }
      try await body()
      group.cancelAll()
    }
  }

  static func job(vms: Int = 3, type: BelayV1.JobType = .vmBackup, parallelism: Int32 = 1)
    -> BelayV1.Job
  {
    BelayV1.Job(
      type: type,
      objects: (1...vms).map { .init(virtualMachine: "vm\($0)", hypervisor: "disk-images") },
      settings: BelayV1.JobSettings(
        repository: "repositories/main", parallelism: parallelism,
        restore: type == .restore
          ? .init(restorePoint: "restorePoints/s0.1", targetDirectory: "/restored", format: .raw)
          : nil))
  }

  /// Creates the job `nightly` and starts it.
  @discardableResult
  func start(_ job: BelayV1.Job = Bench.job()) async throws -> BelayV1.Session {
    _ = try await jobs.createJob(.init(jobID: "nightly", job: job))
    let answer = try await jobs.startJob(.init(name: "jobs/nightly", requestID: "go"))
    return try #require(answer.session)
  }

  /// Everything that a watch says up to its end, or up to what `isEnough` finds.
  func watch(
    _ name: String, after sequence: Int64 = 0,
    until isEnough: @Sendable (BelayV1.WatchSessionResponse.Kind) -> Bool = { _ in false }
  ) async throws -> [BelayV1.WatchSessionResponse.Kind] {
    try await sessions.watchSession(.init(name: name, afterSequence: sequence)) { responses in
      var kinds: [BelayV1.WatchSessionResponse.Kind] = []
      for try await response in responses {
        guard let kind = response.kind else { continue }
        kinds.append(kind)
        if isEnough(kind) { break }
      }
      return kinds
    }
  }

  /// Waits, by watching, until a task is being transferred.
  func waitForTransfer(_ ordinal: Int32, of name: String) async throws {
    _ = try await watch(name) { kind in
      switch kind {
      case .snapshot(let session): session.tasks.contains { $0.isInProcess(ordinal) }
      case .event(let event):
        event.changedTasks.contains { $0.isInProcess(ordinal) }
      case .progress, .heartbeat: false
      }
    }
  }
}

extension BelayV1.Task {
  fileprivate func isInProcess(_ ordinal: Int32) -> Bool {
    self.ordinal == ordinal && state == .processing
  }
}

extension [BelayV1.WatchSessionResponse.Kind] {
  var events: [BelayV1.SessionEvent] {
    compactMap { if case .event(let event) = $0 { event } else { nil } }
  }
}

/// The error that a call ends with, with its reason.
func refusal<Value>(_ body: () async throws -> Value) async -> (RPCError, reason: String?)? {
  do {
    _ = try await body()
    return nil
  } catch let error as RPCError {
    return (error, error.detail(GoogleRpc.ErrorInfo.self)?.reason)
  } catch {
    return nil
  }
}

/// A catalog of a fixed set of restore points.
struct MemoryCatalog: RestorePointCatalog {
  let points: [CatalogedRestorePoint]
  var damages: [CatalogVerification.Damage] = []

  func restorePoints(
    matching filter: RestorePointFilter, after last: RestorePointID?, limit: Int
  ) async throws(CatalogError) -> [CatalogedRestorePoint] {
    let all = points.filter {
      (filter.virtualMachine ?? $0.summary.virtualMachine) == $0.summary.virtualMachine
        && (filter.session ?? $0.summary.id.task.session) == $0.summary.id.task.session
    }
    let rest = last.map { last in all.drop { $0.summary.id != last }.dropFirst() } ?? all[...]
    return Array(rest.prefix(limit))
  }

  func restorePoint(_ id: RestorePointID) async throws(CatalogError) -> CatalogedRestorePoint {
    guard let point = points.first(where: { $0.summary.id == id }) else {
      throw CatalogError(.notFound, "there is no restore point \(id)")
    }
    return point
  }

  func verify(_ id: RestorePointID, _ level: CatalogVerification.Level)
    async throws(CatalogError) -> CatalogVerification
  {
    CatalogVerification(
      restorePoint: try await restorePoint(id), damages: damages, verifiedBytes: 100)
  }
}
