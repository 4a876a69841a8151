import GRPC
import GRPCTransport

/// Has a client watch the health of each server that it is connected to, and send its calls to those
/// that serve (gRPC client-side health checking, gRFC A17).
///
/// ```swift
/// var configuration = ClientConfiguration()
/// configuration.balancing = .roundRobin
/// configuration.healthProbe = HealthServiceProbe(service: "greeter.v1.Greeter")
/// ```
public struct HealthServiceProbe: HealthProbe {
  private let service: String

  /// - Parameter service: whose health it is; empty: the server's as a whole.
  public init(service: String = HealthStatuses.server) {
    self.service = service
  }

  public func watch(
    _ connection: any RPCChannel, _ report: @escaping @Sendable (_ isServing: Bool) -> Void
  ) async throws {
    try await GrpcHealthV1.HealthClient(connection).watch(.init(service: service)) { responses in
      for try await response in responses { report(response.status == .serving) }
    }
  }
}
