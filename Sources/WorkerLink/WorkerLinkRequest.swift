package import BackupModel
package import BelayAPI
package import GRPC

/// What a worker says on the worker link, in the model's words.
package enum WorkerLinkRequest: Hashable, Sendable {
  /// The first message, and only it.
  case register(WorkerRegistration)
  /// The epoch is that of the registration it belongs to.
  case report(epoch: Int, WorkerReport)

  /// Throws INVALID_ARGUMENT, with the field's path, for a message that is not of the contract.
  package init(_ wire: BelayV1.AttachRequest) throws(RPCError) {
    switch wire.kind {
    case .register(let registration)?:
      self = .register(try WorkerRegistration(reading: registration, at: "register"))
    case .report(let report)?:
      self = .report(
        epoch: try Wire.positive(report.epoch, at: "report.epoch"),
        try WorkerReport(reading: report, at: "report"))
    case nil: throw Wire.missing("kind")
    }
  }

  /// The message that says it.
  package var wire: BelayV1.AttachRequest {
    switch self {
    case .register(let registration):
      BelayV1.AttachRequest(kind: .register(.init(writing: registration)))
    case .report(let epoch, let report):
      BelayV1.AttachRequest(kind: .report(.init(writing: report, epoch: epoch)))
    }
  }
}
