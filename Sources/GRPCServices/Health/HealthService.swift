import GRPC

/// `grpc.health.v1.Health` over the statuses that an application sets
/// (gRPC "GRPC Health Checking Protocol").
///
/// Health is for load balancers and probes: it answers whoever can connect. When a server begins to
/// shut down, everything is not serving to those who ask that server; watchers that have heard of it are
/// sent away with UNAVAILABLE, so that their streams don't hold the server up.
public struct HealthService: RPCService {
  /// More than so many services make no answer to List.
  public static let maximumListed = 100

  private let statuses: HealthStatuses

  /// Tells what `statuses` say.
  public init(_ statuses: HealthStatuses) {
    self.statuses = statuses
  }

  public func register(in router: inout Router) {
    HealthHandlers(health: ServerHealth(statuses)).register(in: &router)
    router.forEachServer { [statuses] router in
      let health = ServerHealth(statuses)
      HealthHandlers(health: health).register(in: &router)
      return { health.shutDown() }
    }
  }
}

private struct HealthHandlers: GrpcHealthV1.HealthServer {
  let health: ServerHealth

  func check(_ request: GrpcHealthV1.HealthCheckRequest, context: ServerContext) async throws
    -> GrpcHealthV1.HealthCheckResponse
  {
    guard let status = health.status(of: request.service) else {
      throw RPCError(.notFound, "this server does not know the service '\(request.service)'")
    }
    return GrpcHealthV1.HealthCheckResponse(status: status.onWire)
  }

  func list(_ request: GrpcHealthV1.HealthListRequest, context: ServerContext) async throws
    -> GrpcHealthV1.HealthListResponse
  {
    let all = health.all
    guard all.count <= HealthService.maximumListed else {
      throw RPCError(
        .resourceExhausted,
        "there are \(all.count) services, more than \(HealthService.maximumListed); check those you need"
      )
    }
    return GrpcHealthV1.HealthListResponse(
      statuses: all.mapValues { GrpcHealthV1.HealthCheckResponse(status: $0.onWire) })
  }

  func watch(
    _ request: GrpcHealthV1.HealthCheckRequest,
    responses: ResponseWriter<GrpcHealthV1.HealthCheckResponse>, context: ServerContext
  ) async throws {
    let watcher = try health.beginWatch(request.service)
    defer { health.endWatch(watcher) }
    while true {
      let status = try await health.next(watcher)
      try await responses.write(.init(status: status?.onWire ?? .serviceUnknown))
    }
  }
}

extension HealthStatuses.Status {
  fileprivate var onWire: GrpcHealthV1.HealthCheckResponse.ServingStatus {
    switch self {
    case .serving: .serving
    case .notServing: .notServing
    }
  }
}
