import ArgumentParser
import BackupModel
import Coordinator
import CoordinatorCore
import Foundation
import GRPC
import GRPCServices
import GRPCTransport
import Logging
import OrderedCollections
import Repository
import SQLiteStore

/// A coordinator with its store, its repositories and its sockets: what `belay coordinator` and `belay dev` run.
struct CoordinatorProcess {
  let data: DataDirectory
  /// Where to listen; nil: on the sockets handed over by systemd, else on the one of `data`.
  let endpoints: [SocketEndpoint]?
  let repositories: [RepositoryArgument]
  let leaseDuration: Duration
  let tls: ServerTLS?
  let allowsInsecureNetwork: Bool
  let log: Logger

  /// Serves until `until` returns, then lets open calls end and stops. What runs goes on at the next start.
  ///
  /// `until` is handed the services' router, for callers in this process.
  func run(until: @escaping @Sendable (Router) async throws -> Void) async throws {
    try data.create()
    let opened = try openRepositories()
    let health = HealthStatuses()
    let server = CoordinatorServer(
      configuration: configuration, store: try SQLiteStore(path: data.database),
      catalog: RepositoryCatalog(opened), clock: SystemClock(wallClock: wallClock()), log: log,
      reportServing: { health.setAll($0 ? .serving : .notServing) })
    let router = router(server, health)
    let socket = try await listen(router)
    defer { log.info("stopped") }
    do {
      try await withThrowingTaskGroup(of: Void.self) { [router] group in
        group.addTask { try await server.run() }
        group.addTask { try await until(router) }
        // Whichever ends first ends the other: a loop that can't go on, or the word to stop.
        try await group.next()
        await socket.shutdown(within: .seconds(2))
        group.cancelAll()
      }
    } catch is CancellationError {
    } catch {
      await socket.shutdown(within: .zero)
      throw error
    }
  }

  /// The coordinator's services, and those by which tools know a gRPC server.
  private func router(_ server: CoordinatorServer, _ health: HealthStatuses) -> Router {
    var router = Router()
    for service in server.services { router.add(service) }
    // Until the first term has begun, after the store was read.
    for service in router.services + [HealthStatuses.server] {
      health.set(.notServing, for: service)
    }
    router.add(HealthService(health))
    router.add(ChannelzService())
    router.add(ReflectionService(describing: router))
    router.intercept(with: MetricsInterceptor(), TracingInterceptor(), LoggingInterceptor(log))
    return router
  }

  private var configuration: CoordinatorCore.Configuration {
    var configuration = CoordinatorCore.Configuration()
    configuration.leaseDuration = leaseDuration
    configuration.heartbeatInterval = leaseDuration / 3
    for repository in repositories { configuration.repositories[repository.id] = repository.path }
    return configuration
  }

  private func openRepositories() throws -> [RepositoryID: Repository] {
    var opened: [RepositoryID: Repository] = [:]
    for repository in repositories {
      do throws(RepositoryError) {
        opened[repository.id] = try Repository.open(at: repository.path)
      } catch {
        guard error.code == .notFound else { throw error }
        opened[repository.id] = try Repository.create(at: repository.path)
        log.info("made a repository", metadata: ["path": "\(repository.path)"])
      }
    }
    return opened
  }

  private func listen(_ router: Router) async throws -> GRPCServer {
    let configuration = ServerConfiguration.coordinator(
      tls: tls, allowsInsecureNetwork: allowsInsecureNetwork)
    let inherited = endpoints == nil ? try InheritedSocket.all() : []
    let ownEndpoints = endpoints ?? (inherited.isEmpty ? [.unix(path: data.socket)] : [])
    let server: GRPCServer
    do {
      server = try await GRPCServer.start(
        router, on: ownEndpoints, inheriting: inherited, configuration: configuration, logger: log)
    } catch {
      guard case .insecureEndpoint(let text) = error else { throw error }
      throw ValidationError(
        "\(text) can be reached from other machines: speak TLS there with --tls-cert and --tls-key, "
          + "or listen on loopback or a unix socket, or allow plaintext with --insecure-allow-remote."
      )
    }
    for endpoint in server.endpoints {
      log.info("listening", metadata: ["address": "\(endpoint)", "security": "\(security)"])
    }
    return server
  }

  private var security: String {
    guard let tls else { return "plaintext" }
    return tls.clients == .none ? "TLS" : "mutual TLS"
  }
}

/// The time of day now.
func wallClock() -> BackupModel.Timestamp {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return BackupModel.Timestamp(
    nanosecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}
