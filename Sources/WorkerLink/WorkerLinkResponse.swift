package import BackupModel
package import BelayAPI
package import GRPC

/// What the coordinator says on the worker link, in the model's words.
package enum WorkerLinkResponse: Hashable, Sendable {
  /// The first message, and only it.
  case registered(epoch: Int, leaseDuration: Duration, heartbeatInterval: Duration)
  case directives([Directive])
  /// Each report is answered by one, in their order: the lease runs from when that report was sent.
  case renewal(epoch: Int, leaseDuration: Duration)

  /// Throws INVALID_ARGUMENT, with the field's path, for a message that is not of the contract.
  package init(_ wire: BelayV1.AttachResponse) throws(RPCError) {
    switch wire.kind {
    case .registered(let registered)?:
      self = .registered(
        epoch: try Wire.positive(registered.epoch, at: "registered.epoch"),
        leaseDuration: try Wire.duration(registered.leaseTTL, at: "registered.lease_ttl"),
        heartbeatInterval: try Wire.duration(
          registered.heartbeatInterval, at: "registered.heartbeat_interval"))
    case .directives(let batch)?:
      self = .directives(
        try Wire.each(batch.directives, at: "directives", Directive.init(reading:at:)))
    case .renewal(let renewal)?:
      self = .renewal(
        epoch: try Wire.positive(renewal.epoch, at: "renewal.epoch"),
        leaseDuration: try Wire.duration(renewal.leaseTTL, at: "renewal.lease_ttl"))
    case nil: throw Wire.missing("kind")
    }
  }

  /// The message that says it.
  package var wire: BelayV1.AttachResponse {
    switch self {
    case .registered(let epoch, let lease, let heartbeat):
      BelayV1.AttachResponse(
        kind: .registered(
          .init(
            epoch: Int64(epoch), leaseTTL: .init(lease), heartbeatInterval: .init(heartbeat))))
    case .directives(let directives):
      BelayV1.AttachResponse(
        kind: .directives(.init(directives: directives.map { .init(writing: $0) })))
    case .renewal(let epoch, let lease):
      BelayV1.AttachResponse(kind: .renewal(.init(epoch: Int64(epoch), leaseTTL: .init(lease))))
    }
  }
}
