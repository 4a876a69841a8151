internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

extension Refusal {
  /// The one table from domain refusals to gRPC's codes (semantics.md §10).
  var code: StatusCode {
    switch self {
    case .jobNotFound, .sessionNotFound: .notFound
    case .jobExists: .alreadyExists
    case .gracefulStopNotSupported, .immediateStopInProgress, .jobNotRunning, .jobDisabled:
      .failedPrecondition
    case .sessionActive, .etagMismatch, .sequenceChanged: .aborted
    case .deadlineInPast, .deadlineNotAllowed, .requestIDReused, .invalid: .invalidArgument
    case .limitReached: .resourceExhausted
    }
  }

  /// The request's field that is wrong, by its path in the request. Nil: it is not about a field.
  fileprivate var violation: (field: String, description: String)? {
    guard case .invalid(let field, let problem) = self else { return nil }
    return (field, problem)
  }
}

extension RPCError {
  init(_ refusal: Refusal) {
    self.init(
      refusal.code, refusal.message, reason: refusal.reason, facts: refusal.metadata,
      violations: [refusal.violation].compactMap { $0 })
  }

  /// A field of the request breaks its grammar.
  static func invalid(_ field: String, _ problem: String, reason: String = "INVALID_FIELD")
    -> RPCError
  {
    RPCError(
      .invalidArgument, "\(field): \(problem)", reason: reason,
      facts: ["field": field, "problem": problem], violations: [(field, problem)])
  }

  static func notBuilt(_ what: String) -> RPCError {
    RPCError(
      .unimplemented, "\(what) is not built yet", reason: "NOT_BUILT", facts: ["what": what])
  }
}
