import GRPC
import ProtobufC

/// The domain of every reason that Belay gives (semantics.md §10).
package let errorDomain = "belay"

extension RPCError {
  /// A refusal that programs can read: a `google.rpc.Status` with an `ErrorInfo` goes along in
  /// `grpc-status-details-bin`.
  ///
  /// - Parameters:
  ///   - reason: in UPPER_SNAKE_CASE, such as `SESSION_ACTIVE`.
  ///   - facts: whatever in the message is not constant.
  ///   - retryDelay: when the call may be tried again.
  ///   - violations: fields of the request that are wrong, with what is wrong with them.
  package init(
    _ code: StatusCode, _ message: String, reason: String, facts: [String: String] = [:],
    retryDelay: Duration? = nil, violations: [(field: String, description: String)] = []
  ) {
    var details: [any WireMessage & NamedMessage] = [
      GoogleRpc.ErrorInfo(reason: reason, domain: errorDomain, metadata: facts)
    ]
    if let retryDelay {
      details.append(GoogleRpc.RetryInfo(retryDelay: GoogleProtobuf.Duration(retryDelay)))
    }
    if !violations.isEmpty {
      details.append(
        GoogleRpc.BadRequest(
          fieldViolations: violations.map { .init(field: $0.field, description: $0.description) }))
    }
    self.init(code, message, attaching: details)
  }
}
